"""Placing an order of three items against the peer's, by a customer with a token on each side.

Ours also takes stock, numbers the order and queues its confirmation; the peer's does not.
"""

import json
import statistics
from pathlib import Path

from shared_apps.tenants.active import ActiveTenant
from shared_apps.tenants.domain_map import domain_map
from shared_apps.tenants.scope import tenant_scope
from tenant_apps.users.models import User
from tests.api import PASSWORD
from tests.benchmarks.figures import Figure
from tests.benchmarks.requests import Server, ours, stock

TURNS = 5
PATH = "/api/orders/"
EMAIL = "customer@bench.example"
# Each order has the next three of these products.
SCRIPT = """
local products, n = {%s}, 0
function request()
  local items = {}
  for i = 1, 3 do
    n = n %% #products + 1
    items[i] = '{"product": ' .. products[n] .. ', "quantity": 1}'
  end
  return wrk.format("POST", nil, nil, '{"items": [' .. table.concat(items, ", ") .. ']}')
end
"""


def measure(folder: Path) -> list[Figure]:
    """Measure, both sides in turn."""
    with ours(folder / "orders") as server, stock(folder / "peer") as peer:
        with tenant_scope(tenant_of(server.host)):
            User.objects.create_member(EMAIL, PASSWORD, role="customer")
        sides = {
            "ours": server.signed_in(email=EMAIL, password=PASSWORD),
            "peer": peer.signed_in(username="demo", password="demo-pass-1"),
        }
        scripts = {name: _script(folder / f"{name}.lua", side) for name, side in sides.items()}
        found: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(TURNS):
            for name, side in sides.items():
                options = ("-s", str(scripts[name]))
                many = side.requests_a_second(
                    PATH, *options, **{"Content-Type": "application/json"}
                )
                found[name].append(many)
    rate = {name: statistics.median(each) for name, each in found.items()}
    return [
        *(Figure(f"orders of 3 items a second: {name}", rate[name], "/s") for name in rate),
        Figure("orders against the peer's", rate["ours"] / rate["peer"], "x", at_least=1),
    ]


def tenant_of(host: str) -> ActiveTenant:
    """Return the tenant behind a host."""
    tenant = domain_map.tenant_for(host)
    assert tenant is not None
    return tenant


def _script(path: Path, side: Server) -> Path:
    products = json.loads(side.get("/api/products/").body)["results"]
    path.write_text(SCRIPT % ", ".join(f"'{json.dumps(one['id'])}'" for one in products))
    return path
