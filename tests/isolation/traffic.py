"""Mixed requests to several tenants at once; headers and bodies searched for another's canary."""

import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count

CANARY = "canary-of-"

Ask = Callable[[random.Random], tuple[str, str, bytes | None, dict[str, str]]]


@dataclass(slots=True)
class Outcome:
    """What came of a run; ``foreign`` are answers that held another tenant's canary.

    ``failed`` got no answer. ``slowest`` is the longest time, in seconds, that an answer took.
    """

    requests: int = 0
    foreign: int = 0
    own: int = 0
    failed: int = 0
    slowest: float = 0
    statuses: dict[int, int] = field(default_factory=dict)


def run(
    port: int,
    asks: Mapping[str, Ask],
    requests: int,
    threads: int = 8,
    seed: int = 0,
    seen: Callable[[str, int, str], None] = lambda host, status, text: None,
) -> Outcome:
    """Send ``requests`` from ``threads``; ``asks`` gives each host's next request.

    ``seen`` is told of each answer: host, status, body.

    The canary of a host is ``canary-of-<first label>``. Each request goes to a random host.
    """
    outcome = Outcome()
    lock = threading.Lock()
    numbers = count()

    def work(mine: int) -> None:
        dice = random.Random(seed * 1000 + mine)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while next(numbers) < requests:
            host = dice.choice(sorted(asks))
            method, path, body, headers = asks[host](dice)
            started = time.monotonic()
            try:
                connection.request(
                    method, path, body, {"Host": host, "Content-Type": "application/json"} | headers
                )
                answer = connection.getresponse()
                text = answer.read().decode()
                heads = str(answer.headers)
                if body is not None and answer.status >= 400:
                    # Refused before its body was read, which ends the connection on their side.
                    connection.close()
            except (OSError, http.client.HTTPException) as error:
                print(f"{method} {path}: {error!r}")
                connection.close()
                with lock:
                    outcome.requests += 1
                    outcome.failed += 1
                continue
            took = time.monotonic() - started
            label = host.partition(".")[0]
            foreign = any(
                CANARY + other.partition(".")[0] in heads + text for other in asks if other != host
            )
            seen(host, answer.status, text)
            with lock:
                outcome.requests += 1
                outcome.foreign += foreign
                outcome.slowest = max(outcome.slowest, took)
                outcome.own += CANARY + label in text
                outcome.statuses[answer.status] = outcome.statuses.get(answer.status, 0) + 1
        connection.close()

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()
    return outcome


def order_of(product: str) -> bytes:
    """Return the body of an order of one."""
    return json.dumps({"items": [{"product": product, "quantity": 1}]}).encode()
