"""8 threads over two tenants: no answer ever holds a row of the other.

The same requests to stock django-tenants behind the same pooler do show foreign rows: the
harness can see them.
"""

import os
import random
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from config.embedded import free_port
from shared_apps.tenants.scope import tenant_scope
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Category, Product
from tenant_apps.users.models import User
from tests.api import PASSWORD
from tests.isolation.traffic import CANARY, order_of, run
from tests.pgbouncer import pgbouncer, web_url
from tests.stack.running import BIN, ROOT, Http, process, until, web

SHORT, LONG = 1_200, 20_000
PEER = ROOT / "tests" / "benchmarks" / "peer"


def socket_folder() -> str:
    return parse_qs(urlsplit(os.environ["OWNER_DATABASE_URL"]).query)["host"][0]


@pytest.fixture
def shops(portal):
    """Return two tenants whose every text names them."""
    tenants = [portal(), portal()]
    for tenant in tenants:
        mark = CANARY + tenant.primary_host.partition(".")[0]
        with tenant_scope(tenant):
            User.objects.update(name=mark)
            shelf = Category.objects.create(name=f"Shelf {mark}", slug="shelf")
            Product.objects.bulk_create(
                Product(
                    name=f"{mark} {n}",
                    slug=f"p{n}",
                    price=1,
                    stock=10**6,
                    category=shelf,
                    description=mark,
                    attributes={"mark": mark},
                    tags=[mark],
                )
                for n in range(25)
            )
            user = User.objects.get()
            place_order(user=user, items=[(Product.objects.first().pk, 1)])
    return tenants


def asks_of(port: int, tenants):
    """Return, by host, what to ask next: lists, details, pages, people, orders placed and read."""

    def of(tenant):
        label = tenant.primary_host.partition(".")[0]
        token = Http(port, tenant.primary_host).signed_in(f"owner@{label}.example", PASSWORD).token
        with tenant_scope(tenant):
            products = [str(pk) for pk in Product.objects.values_list("pk", flat=True)]
        signed_in = {"Authorization": f"Bearer {token}"}

        def ask(dice: random.Random):
            product = dice.choice(products)
            return dice.choice(
                [
                    ("GET", "/api/products/", None, {}),
                    ("GET", f"/api/products/{product}/", None, {}),
                    ("GET", "/api/products/?search=canary&ordering=price", None, signed_in),
                    ("GET", "/api/categories/", None, {}),
                    ("GET", "/", None, {}),
                    ("GET", "/api/me/", None, signed_in),
                    ("GET", "/api/orders/", None, signed_in),
                    ("POST", "/api/orders/", order_of(product), signed_in),
                ]
            )

        return ask

    return {tenant.primary_host: of(tenant) for tenant in tenants}


def check(port: int, shops, requests: int) -> None:
    outcome = run(port, asks_of(port, shops), requests, seed=requests)
    print(outcome)
    assert outcome.foreign == 0
    assert outcome.failed == 0
    assert set(outcome.statuses) == {200, 201}
    assert outcome.own == outcome.requests >= requests


@pytest.mark.parametrize("requests", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)])
def test_no_foreign_row_with_djangos_own_pool(shops, tmp_path, requests):
    port = free_port()
    with web(port, tmp_path / "log", DB_POOL_SIZE="4"):
        check(port, shops, requests)


@pytest.mark.parametrize("requests", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)])
def test_no_foreign_row_through_pgbouncer_in_transaction_mode(shops, tmp_path, requests):
    port = free_port()
    with (
        pgbouncer(socket_folder()) as pooler,
        web(port, tmp_path / "log", DATABASE_URL=web_url(pooler), DB_POOL_SIZE="0"),
    ):
        check(port, shops, requests)


@pytest.mark.parametrize("requests", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)])
def test_the_same_harness_sees_foreign_rows_of_stock_django_tenants(tmp_path, requests):
    """The positive control: were this to show none, the zeros above would mean nothing."""
    database = f"peer_{requests}"
    folder = socket_folder()
    with psycopg.connect(f"host={folder} user=postgres dbname=postgres", autocommit=True) as raw:
        raw.execute(f"CREATE DATABASE {database}")
    environment = {
        "PEER_PGHOST": folder,
        "PEER_DB": database,
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }

    def peer(*arguments: str) -> None:
        subprocess.run(
            [sys.executable, *arguments],
            cwd=PEER,
            env={**os.environ, **environment},
            check=True,
            capture_output=True,
        )

    peer("manage.py", "migrate_schemas", "--shared")
    peer("seed.py", "2")
    with psycopg.connect(f"host={folder} user=postgres dbname={database}") as raw:
        for schema in ("t0", "t1"):
            raw.execute(
                f"UPDATE {schema}.catalog_product SET name = %s || name", [CANARY + schema + " "]
            )
    port = free_port()
    with (
        pgbouncer(folder) as pooler,
        process(
            *(str(BIN / "granian"), "--interface", "wsgi", "--host", "127.0.0.1"),
            *("--port", str(port), "--workers", "1", "--blocking-threads", "8"),
            *("--log-level", "error", "config.wsgi:application"),
            log=tmp_path / "log",
            cwd=PEER,
            **environment | {"PEER_PGHOST": "127.0.0.1", "PEER_PGPORT": str(pooler)},
        ),
    ):
        until(lambda: responds(port), 20, f"the peer ({tmp_path / 'log'})")
        ask = lambda dice: ("GET", "/api/products/", None, {})  # noqa: E731
        outcome = run(port, {"t0.localhost": ask, "t1.localhost": ask}, requests)
    print(outcome)
    assert outcome.foreign > 0


def responds(port: int) -> bool:
    try:
        return Http(port, "t0.localhost").get("/api/products/").status == 200
    except OSError:
        return False
