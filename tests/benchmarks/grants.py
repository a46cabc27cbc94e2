"""What a list costs a person who sees it through thousands of grants, against one who sees all."""

import statistics
from typing import Any

from django.contrib.auth.models import Permission
from django.db import connection

from billing.signing_up import sign_up
from shared_apps.plans.models import Plan
from shared_apps.tenants.active import ActiveTenant
from shared_apps.tenants.domain_map import domain_map, load_tenant
from shared_apps.tenants.provisioning import pool
from shared_apps.tenants.scope import public_scope, tenant_scope
from tenant_apps.products.models import Category, Product
from tenant_apps.users.models import CatalogueReaders, PortalSettings, Role, User
from tenant_apps.users.roles.objects import person_grants
from tests.api import PASSWORD, Api, count_queries
from tests.benchmarks.figures import Figure, seconds

PRODUCTS, SHELVES, GRANTS, TURNS = 20_000, 200, 5_000, 40
PATH = "/api/products/?page_size=50"


def measure() -> list[Figure]:
    """Measure in a portal of its own, both sides in turn."""
    tenant = open_portal("bench-grants")
    with tenant_scope(tenant):
        _fill()
        connection.cursor().execute("ANALYZE")
    domain_map.clear()
    sees_all = Api(tenant.primary_host).signed_in("all@bench.example")
    limited = Api(tenant.primary_host).signed_in("some@bench.example")
    assert len(limited.get(PATH).json()["results"]) == 50
    deep = _page_in_the_middle(limited)
    times: dict[str, list[float]] = {"all": [], "some": [], "deep": []}
    for _ in range(TURNS):
        times["all"].append(seconds(lambda: sees_all.get(PATH)))
        times["some"].append(seconds(lambda: limited.get(PATH)))
        times["deep"].append(seconds(lambda: limited.get(deep)))
    median = {name: statistics.median(each) for name, each in times.items()}
    queries = [count_queries(lambda api=api: api.get(PATH)) for api in (sees_all, limited)]
    return [
        Figure("list 50 of 20,000 products, all of them seen", median["all"] * 1000, "ms"),
        Figure(
            "the same through 5,000 grants, times slower",
            median["some"] / median["all"],
            "x",
            at_most=2,
        ),
        Figure(
            "a page in the middle of it, times slower",
            median["deep"] / median["all"],
            "x",
            at_most=2,
        ),
        Figure("queries more than without grants", queries[1] - queries[0], at_most=0),
    ]


def open_portal(subdomain: str) -> ActiveTenant:
    """Sign a company up and return its portal."""
    pool.fill(2)
    with public_scope():
        tenant = sign_up(
            subdomain=subdomain,
            company="Bench",
            email="owner@bench.example",
            password=PASSWORD,
            plan=Plan.objects.get(code="business"),
        )
    found = load_tenant(tenant.pk)
    assert found is not None
    return found


def _fill() -> None:
    settings = PortalSettings.objects.get()
    settings.catalogue_readers = CatalogueReaders.GRANTED
    settings.store()
    shelves = Category.objects.bulk_create(
        Category(name=f"Shelf {n}", slug=f"s{n}") for n in range(SHELVES)
    )
    products = Product.objects.bulk_create(
        [
            Product(name=f"P {n}", slug=f"p{n}", price=1, category=shelves[n % SHELVES])
            for n in range(PRODUCTS)
        ],
        batch_size=2000,
    )
    reader = Role.objects.create(name="Readers", rank=20)
    reader.permissions.set(Permission.objects.filter(codename="view_product"))
    User.objects.create_member("all@bench.example", PASSWORD, role="customer").groups.add(reader)
    some: Any = User.objects.create_member("some@bench.example", PASSWORD, role="customer")
    view = Permission.objects.get(codename="view_product")
    grants = person_grants(Product)
    grants.bulk_create(
        grants.model(user=some, permission=view, content_object=product)
        for product in products[:: PRODUCTS // GRANTS]
    )


def _page_in_the_middle(api: Api) -> str:
    """Return the path of a page half-way through what is granted."""
    path = PATH
    for _ in range(GRANTS // 50 // 2):
        path = api.get(path).json()["next"].partition(api.host)[2]
        path = path[path.index("/") :]
    return path
