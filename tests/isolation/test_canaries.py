"""The canary run: nothing that leaves for one tenant holds a text of another's.

Two tenants whose every text column names them work side by side in the real stack; bodies,
headers, mail, logs, Redis, task results and files are searched for the other's.
"""

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
import yaml
from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import F

from config.embedded import free_port
from shared_apps.tenants.active import ActiveTenant
from shared_apps.tenants.admin_sites import tenant_admin
from shared_apps.tenants.scope import tenant_scope
from shared_apps.tenants.storage import all_names
from tenant_apps.files.signed_links import signed_link
from tenant_apps.integrations.models import Job, OutboxEntry
from tenant_apps.integrations.tasks import sweep_outbox
from tenant_apps.orders.cart.filling import add
from tenant_apps.orders.models import Order
from tenant_apps.products.models import Product
from tenant_apps.users.models import User
from tests.api import PASSWORD, Admin, Api
from tests.isolation.canaries import BARE, columns_without, mark_of, plant
from tests.isolation.traffic import order_of, run
from tests.stack.running import Http, mailbox, text_of, until, web, worker

CSV = """Handle,Title,Published,Variant Inventory Qty,Variant Price
h,{mark},true,1,5
bad,{mark},true,1,x
"""
REQUESTS = 500


class Tenancy:
    """One of the two: what it owns and how to ask for it."""

    def __init__(self, tenant: ActiveTenant) -> None:
        self.tenant = tenant
        self.mark = mark_of(tenant)
        self.host = tenant.primary_host
        self.ids = plant(tenant)
        with tenant_scope(tenant):
            owner = User.objects.get(email__startswith="owner@")
            self.owner = owner.email
            self.cookie = Admin(self.host, owner).client.cookies["sessionid"].value
            self.file = "/" + signed_link(self.ids["files"]).split("/", 3)[3]


def admin_pages(one: Tenancy) -> list[str]:
    """Return the list and the change page of every model in the admin."""
    pages = ["/admin/"]
    with tenant_scope(one.tenant):
        for model in tenant_admin._registry:
            base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
            pages += [base, f"{base}?q={one.mark}"]
            row = model._default_manager.first()
            pages += [f"{base}{row.pk}/change/", f"{base}{row.pk}/history/"] if row else []
    return pages


def portal_pages(one: Tenancy) -> list[str]:
    """Return the pages of the portal, with something in the cart."""
    with tenant_scope(one.tenant):
        product, order = Product.objects.get(pk=one.ids["products"]), Order.objects.first()
        add(order.user, product.pk, 1)
    return [
        *("/", f"/?search={one.mark}", product.get_absolute_url(), "/cart/"),
        *("/orders/", f"/orders/{order.number}/", "/profile/"),
    ]


def paths_of(one: Tenancy) -> list[str]:
    """Return every path of the document that can be read, with the ids of its kind."""
    document = yaml.safe_load(Api(one.host).get("/api/schema/").content)
    return [
        path.replace("{id}", one.ids.get(path.split("/")[2], ""))
        for path, methods in document["paths"].items()
        if "get" in methods
    ]


def asks_of(port: int, one: Tenancy, other: Tenancy):
    """Return what to ask of one tenant next: its own, the neighbour's ids, what is refused."""
    token = Http(port, one.host).signed_in(one.owner, PASSWORD).token
    bearer = {"Authorization": f"Bearer {token}"}
    session = {"Cookie": f"sessionid={one.cookie}"}
    reads = [
        *(("GET", path, None, bearer) for path in paths_of(one)),
        *(("GET", path, None, {}) for path in ("/", "/api/schema/", one.file, *paths_of(one))),
        *(("GET", path, None, session) for path in admin_pages(one) + portal_pages(one)),
        # What is the neighbour's: not here.
        *(("GET", path, None, bearer) for path in paths_of(other) if "-" in path),
        ("GET", other.file, None, {}),
        ("GET", f"/api/products/?category={other.ids['categories']}", None, bearer),
        ("GET", "/api/me/", None, {"Cookie": f"sessionid={other.cookie}"}),
        ("GET", "/admin/", None, {"Cookie": f"sessionid={other.cookie}"}),
        # What goes wrong says nothing of anybody else.
        ("GET", "/api/products/?nonsense=1", None, bearer),
        ("GET", "/nowhere/", None, {}),
        ("POST", "/api/categories/", json.dumps({"name": "x", "slug": one.mark}).encode(), bearer),
        ("POST", "/api/auth/login/", b'{"email": "a@b.example", "password": "x"}', {}),
        ("POST", "/api/orders/", order_of(other.ids["products"]), bearer),
    ]
    orders = [("POST", "/api/orders/", order_of(one.ids["products"]), bearer)] * 4
    return lambda dice: dice.choice(reads + orders)


def everything_of(database: redis.Redis) -> dict[str, str]:
    """Return each key of a Redis database with what it holds, as text."""
    read = {
        "string": lambda key: database.get(key),
        "list": lambda key: database.lrange(key, 0, -1),
        "set": lambda key: database.smembers(key),
        "zset": lambda key: database.zrange(key, 0, -1, withscores=True),
        "hash": lambda key: database.hgetall(key),
    }
    return {
        key.decode(): str(read[database.type(key).decode()](key)) for key in database.scan_iter()
    }


@pytest.fixture(scope="module")
def two(django_db_setup, django_db_blocker) -> list[Tenancy]:
    from tests.conftest import open_portal

    with django_db_blocker.unblock():
        return [Tenancy(open_portal(name)) for name in ("alder", "birch")]


def test_every_text_column_of_a_tenant_has_its_canary(committed, two):
    """A new text field must be planted in ``canaries``, or named there with a reason."""
    for one in two:
        assert columns_without(one.tenant) == set(BARE)


def test_nothing_of_one_tenant_is_seen_by_the_other(committed, two, tmp_path):
    first, second = two
    others = {first.mark: second.mark, second.mark: first.mark}
    port, log = free_port(), tmp_path / "log"
    for url in (settings.CACHE_URL, settings.BROKER_URL):
        redis.Redis.from_url(url).flushdb()
    with (
        mailbox(int(os.environ["EMAIL_URL"].rpartition(":")[2])) as mail,
        web(port, log, LOG_FORMAT="json", LOG_LEVEL="INFO"),
    ):
        with worker(tmp_path / "worker", LOG_FORMAT="json"):
            asks = {
                first.host: asks_of(port, first, second),
                second.host: asks_of(port, second, first),
            }
            for one in two:
                start_background_work(port, one)
            outcome = run(port, asks, REQUESTS, seed=7)
            until(lambda: all(settled(one) for one in two), 60, "outboxes and imports")
            waiting = dict(in_redis())
    print(outcome)
    # Bodies and headers: the harness looked for the other's, and for their own.
    assert (outcome.foreign, outcome.failed) == (0, 0)
    assert outcome.own > REQUESTS / 3
    assert {200, 201, 400, 401, 404, 409} <= set(outcome.statuses)
    assert max(outcome.statuses) < 500
    hold(others, mails_by_mark(mail, two), least=10)
    hold(others, lines_by_mark([log, tmp_path / "worker"], two), least=REQUESTS / 2)
    hold(others, keys_by_mark(waiting, two), least=2)
    hold(others, files_by_mark(two), least=2)
    # Task results are not kept at all.
    assert not [key for key in waiting if "celery-task-meta" in key]


def hold(others: dict[str, str], found: dict[str, list[str]], *, least: float) -> None:
    """Assert that what was ``found`` for each canary never holds the other's."""
    assert sum(map(len, found.values())) >= least
    for mark, texts in found.items():
        assert not [text for text in texts if others[mark] in text]


def start_background_work(port: int, one: Tenancy) -> None:
    """Hand in an import, and let the sweeper find what was planted in the outbox."""
    http = Http(port, one.host).signed_in(one.owner, PASSWORD)
    content = CSV.format(mark=one.mark).encode()
    assert http.upload("/api/imports/", f"{one.mark}.csv", content).status == 202
    with tenant_scope(one.tenant):
        OutboxEntry.objects.update(due_at=F("created_at"))
        sweep_outbox.delay()


def settled(one: Tenancy) -> bool:
    with tenant_scope(one.tenant):
        return (
            not Job.objects.unfinished().exists()
            and not OutboxEntry.objects.filter(done_at=None, attempts=0).exists()
        )


def in_redis():
    for url in (settings.CACHE_URL, settings.BROKER_URL):
        for key, value in everything_of(redis.Redis.from_url(url)).items():
            yield f"{urlsplit(url).path}:{key}", value


def mails_by_mark(mail, two) -> dict[str, list[str]]:
    return {
        one.mark: [text_of(m) for m in mail.messages if one.host.partition(".")[0] in m["To"]]
        for one in two
    }


def lines_by_mark(logs: list[Path], two) -> dict[str, list[str]]:
    lines = [line for log in logs for line in log.read_text().splitlines() if line.startswith("{")]
    return {
        one.mark: [line for line in lines if json.loads(line).get("tenant") == str(one.tenant.id)]
        for one in two
    }


def keys_by_mark(waiting: dict[str, str], two) -> dict[str, list[str]]:
    return {
        one.mark: [f"{k} {v}" for k, v in waiting.items() if str(one.tenant.id) in k] for one in two
    }


def content_of(name: str) -> str:
    with default_storage.open(name) as kept:
        return kept.read().decode()


def files_by_mark(two) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in two:
        with tenant_scope(one.tenant):
            found[one.mark] = [content_of(name) for name in all_names()]
        assert all(one.mark in content for content in found[one.mark])
    return found


def test_the_harness_sees_a_canary_where_there_is_one():
    """The positive control of :func:`hold`."""
    others = {"canary-of-a": "canary-of-b", "canary-of-b": "canary-of-a"}
    with pytest.raises(AssertionError):
        hold(others, {"canary-of-a": ["x canary-of-b"], "canary-of-b": []}, least=1)
    with pytest.raises(AssertionError):
        hold(others, {"canary-of-a": [], "canary-of-b": []}, least=1)
