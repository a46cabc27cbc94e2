"""Schemathesis takes both OpenAPI documents at their word: they hold, and nothing foreign shows.

Positive and negative data, undeclared methods, sequences of requests. A run is repeated with its
seed: ``FUZZ_SEED=<seed>``.
"""

import json
import os
import random
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.utils import timezone
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig

from billing.beginning import begin
from billing.models import Subscription
from config.embedded import free_port
from shared_apps.tenants.scope import public_scope, tenant_scope
from tenant_apps.files.pictures import encoded_anew
from tenant_apps.orders.models import Order, OrderStatus
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Category, Product
from tenant_apps.users.api_keys.issuing import issue
from tenant_apps.users.api_keys.scopes import SCOPES
from tenant_apps.users.api_keys.text import read_key
from tenant_apps.users.invitations.inviting import invite
from tenant_apps.users.links import make_token
from tenant_apps.users.models import RefreshFamily, Role, User
from tests.api import PASSWORD
from tests.files.pictures import picture, upload
from tests.isolation.fuzzing import CONFIG, Fuzzing, Person
from tests.isolation.shops import open_shops
from tests.isolation.traffic import CANARY
from tests.stack.running import Http, process, web

SHORT, LONG = 5, 100
# What an order must be for a move to succeed; by the move's dictionary.
MOVES = {
    "to_cancel": OrderStatus.PENDING,
    "to_pay": OrderStatus.PENDING,
    "to_ship": OrderStatus.PAID,
    "to_deliver": OrderStatus.SHIPPED,
    "to_refund": OrderStatus.PAID,
}
# On the public host nothing leads to anything else.
NO_LINKS = {"public": ["stateful"]}


@pytest.fixture
def shops(portal, stripe):
    """Portals that pay."""
    tenants = open_shops(portal)
    with public_scope():
        for ours in Subscription.objects.filter(tenant__in=[tenant.id for tenant in tenants]):
            ours.change(trial_ends_at=timezone.now() + timedelta(days=14))
            begin(ours)
            stripe.give_card(ours.stripe_customer)
    return tenants


@pytest.fixture
def port(tmp_path, stripe):
    """A web server, and what makes tenants for those that sign up."""
    port = free_port()
    paid = {"STRIPE_API_URL": stripe.url, "STRIPE_SECRET_KEY": stripe.api_key}
    with (
        web(port, tmp_path / "web", DB_POOL_SIZE="4", **paid),
        process(sys.executable, "manage.py", "keep_pool", log=tmp_path / "pool", POOL_SIZE="40"),
    ):
        yield port


def label(tenant) -> str:
    return tenant.primary_host.partition(".")[0]


def stock_up(tenant) -> dict[str, list[str]]:
    """Make more than a run deletes and moves on, and orders for each move; return the ids."""
    mark = CANARY + label(tenant)
    with tenant_scope(tenant):
        shelves = [Category(name=mark, slug=f"more-{n}") for n in range(100)]
        products = [
            Product(name=mark, slug=f"more-{n}", price=1, stock=10**6, category=shelves[n % 100])
            for n in range(500)
        ]
        Category.objects.bulk_create(shelves)
        Product.objects.bulk_create(products)
        people = [
            User.objects.create_member(f"p{n}@more.example", None, role="customer")
            for n in range(20)
        ]
        roles = [Role.objects.create(name=f"Own {n}", rank=n + 1) for n in range(40)]
        made = {
            "people": people,
            "products": products,
            "pictured": products[:20],
            "categories": shelves,
        }
        for product in made["pictured"]:
            product.show_picture(encoded_anew(upload(picture())))
        user = User.objects.get(groups__role__code="owner")
        for move, status in MOVES.items():
            made[move] = [place_order(user=user, items=[(p.pk, 1)]) for p in products[:24]]
            Order.objects.filter(pk__in=[order.pk for order in made[move]]).update(status=status)
        secrets = links_of(user, people, made)
    ids = {name: [str(row.pk) for row in rows] for name, rows in made.items()}
    return {
        **ids,
        **secrets,
        "roles": [str(role.uuid) for role in roles],
        "kinds": ["product"],
        "deeds": ["view_product"],
    }


def links_of(user, people, made) -> dict[str, list[str]]:
    """Make what is mailed to people, and logins of ``user``; return the secrets."""
    role = [Role.objects.get(code="customer")]
    for name in ("invitations", "coming"):
        made[name] = [
            invite(acting=user, email=f"{name}{n}@more.example", roles=role) for n in range(24)
        ]
    made["logins"] = [
        RefreshFamily.objects.open(pk=uuid4(), user=user, jti=str(n)) for n in range(24)
    ]
    of_admins = {"role": Role.objects.get(code="admin"), "name": "more", "scopes": SCOPES}
    made["api_keys"] = [issue(acting=user, **of_admins)[0] for _ in range(200)]
    client_id, secret = read_key(issue(acting=user, **of_admins)[1])
    return {
        "client_ids": [str(client_id)],
        "client_secrets": [secret],
        "invitation_tokens": [invitation.make_token() for invitation in made.pop("coming")],
        "reset_tokens": [make_token("reset-password", person) for person in people],
    }


def refreshes(port, person: Person) -> list[str]:
    http, body = Http(port, person.host), {"email": person.email, "password": PASSWORD}
    return [http.post("/api/auth/login/", body).json()["refresh"] for _ in range(20)]


def of_tenant(port, tenant, neighbour, *people: Person, hidden=(), **options) -> Fuzzing:
    return Fuzzing(
        port=port,
        host=tenant.primary_host,
        own=CANARY + label(tenant),
        foreign=[CANARY + label(neighbour), *hidden],
        known={
            **stock_up(tenant),
            "emails": [people[0].email],
            "passwords": [PASSWORD],
            "tags": ["*"],
            "refreshes": refreshes(port, people[0]),
        },
        people=people,
        **options,
    )


def owner(tenant) -> Person:
    return Person(tenant.primary_host, f"owner@{label(tenant)}.example")


def public(port, shops) -> Fuzzing:
    """Every answer of the public host may say `plan`, and none may name a tenant's row."""
    foreign = [CANARY + label(tenant) for tenant in shops]
    return Fuzzing(port=port, host="localhost", own="plan", foreign=foreign)


def check(runs: dict[str, Fuzzing], folder: Path, *, in_full: bool) -> None:
    """Run all at once, so that each meets the others' requests in the server."""
    examples = LONG if in_full else SHORT
    seed = int(os.environ.get("FUZZ_SEED") or (random.randrange(2**32) if in_full else 1))
    print(f"FUZZ_SEED={seed}, {examples} examples an operation")
    with ThreadPoolExecutor() as pool:
        jobs = {
            name: pool.submit(run.run, folder / name, examples=examples, seed=seed, in_full=in_full)
            for name, run in runs.items()
        }
    for name, job in jobs.items():
        print(f"--- {name}\n{job.result().stdout}{job.result().stderr}")
    for name, job in jobs.items():
        report = json.loads((folder / name / "report.json").read_text())
        assert (job.result().returncode, report["failures"], report["errors"]) == (0, [], [])
        assert report["stop_reason"] == "completed"
        operations = report["operations"]
        assert operations["total"] == operations["selected"] == operations["tested"] > 0
        skipped = {name for name, phase in report["phases"].items() if phase["status"] == "skip"}
        assert skipped <= set(NO_LINKS.get(name, ()))


@pytest.mark.timeout(600)  # on a machine that does much else; about 30 seconds on an idle one
def test_the_documents_hold_for_an_owner_and_for_visitors(shops, port, tmp_path):
    one, two = shops
    runs = {
        "public": public(port, shops),
        "one": of_tenant(port, one, two, owner(one), owner(two)),
    }
    check(runs, tmp_path, in_full=False)


@pytest.mark.soak
def test_the_documents_hold_for_two_owners_at_once_and_for_visitors(shops, port, tmp_path):
    one, two = shops
    runs = {
        "public": public(port, shops),
        "one": of_tenant(port, one, two, owner(one), owner(two)),
        "two": of_tenant(port, two, one, owner(two), owner(one)),
    }
    check(runs, tmp_path, in_full=True)


@pytest.mark.soak
def test_the_document_holds_for_customers_who_never_see_anothers_orders(shops, port, tmp_path):
    tenant, neighbour = shops
    people = [Person(tenant.primary_host, f"customer{n}@x.example") for n in (1, 2)]
    with tenant_scope(tenant):
        for person in people:
            User.objects.create_member(person.email, PASSWORD, role="customer")
    # It stands in each of the owner's orders, whose ids the customers are given to try.
    hidden = [owner(tenant).email]
    run = of_tenant(port, tenant, neighbour, *people, hidden=hidden, must_succeed=False)
    check({"customer": run}, tmp_path, in_full=True)


def test_a_foreign_row_would_be_seen(shops, port, tmp_path):
    """The positive control: were this to pass, the runs above would mean nothing."""
    one, two = shops
    with tenant_scope(one):
        User.objects.update(name=CANARY + label(two))
    run = of_tenant(port, one, two, owner(one), owner(two))
    done = run.run(tmp_path / "control", "--include-name", "GET /api/me/", examples=1, seed=1)
    assert (done.returncode, "A foreign row: canary-of-" in done.stdout) == (1, True), done.stdout


def test_every_check_of_the_tool_is_on_and_no_operation_is_left_out(tmp_path):
    run = Fuzzing(port=1, host="localhost", own="", foreign=[])
    config = SchemathesisConfig.from_path(run.configure(tmp_path, in_full=True))
    load_all_checks()
    names = {*CHECKS.get_all_names(), "max_response_time"}
    assert len(names) >= 15
    everywhere = config.projects.get_default().checks
    assert [name for name in names if not everywhere.get_by_name(name=name).enabled] == []
    assert not {"false", "exclude"} & set(re.findall(r"[a-z]+", uncommented(CONFIG.read_text())))


def uncommented(text: str) -> str:
    return re.sub(r"#.*", "", text)
