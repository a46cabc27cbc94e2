"""What the web server's worker weighs: after its start, and as it answers many portals' requests.

``BENCH_REQUESTS`` (100000) is how many it answers; fewer are for a quick look.
"""

import os
import re
from pathlib import Path

from tests.benchmarks.figures import Figure
from tests.benchmarks.many import children, portals, resident_megabytes
from tests.benchmarks.requests import Server, ours

TENANTS, FIRST = 200, 10_000
PATHS = [
    *("/api/products/", "/api/products/?ordering=price", "/api/products/?count=true"),
    *("/api/categories/", "/api/products/?search=product"),
]
SCRIPT = """
local hosts, paths = {%s}, {%s}
math.randomseed(os.time())
function request()
  wrk.headers["Host"] = hosts[math.random(#hosts)]
  return wrk.format("GET", paths[math.random(#paths)])
end
"""


def measure(folder: Path) -> list[Figure]:
    """Measure a server that has just started."""
    many = int(os.environ.get("BENCH_REQUESTS", "100000"))
    script = folder / "portals.lua"
    script.write_text(SCRIPT % (_quoted(portals(TENANTS)), _quoted(PATHS)))
    with ours(folder / "memory") as server:
        [worker] = children(server.pid)
        start = resident_megabytes(worker)
        done = _answered(server, script, min(FIRST, many // 10))
        early = resident_megabytes(worker)
        _answered(server, script, many - done)
        late = resident_megabytes(worker)
    return [
        Figure("a worker's memory after its start", start, "MB", at_most=200),
        Figure(f"the same after {done:,} requests to {TENANTS} portals", early, "MB"),
        Figure(f"more of it after {many:,}", (late / early - 1) * 100, "%", at_most=10),
    ]


def _answered(server: Server, script: Path, many: int) -> int:
    """Send at least so many requests; return how many it were."""
    done = 0
    while done < many:
        said = server.load("/", "-s", str(script))
        [number] = re.findall(r"(\d+) requests in", said)
        done += int(number)
    return done


def _quoted(texts: list[str]) -> str:
    return ", ".join(f"'{text}'" for text in texts)
