"""Lists of the admin: as many queries for 100 rows as for 1, and nothing is fetched by the way.

Every model of the tenant's admin is here; a new one says how its rows are made.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import FieldFetchBlocked
from django.db.models import FETCH_RAISE

from shared_apps.tenants.admin_sites import tenant_admin
from tenant_apps.history.models import Change
from tenant_apps.integrations.models import Job
from tenant_apps.orders.models import Order
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Category, Product
from tenant_apps.users.api_keys.issuing import issue
from tenant_apps.users.invitations.inviting import invite
from tenant_apps.users.models import ApiKey, Invitation, PortalSettings, Role, User
from tests.api import Admin, count_queries

MANY = 100


def make_product(number: int) -> Product:
    shelf = Category.objects.create(name=f"Shelf {number}", slug=f"shelf{number}")
    return Product.objects.create(
        name=f"Lamp {number}", slug=f"lamp{number}", price=1, stock=9, category=shelf, tags=["a"]
    )


def make_order(number: int) -> Order:
    user = make_user(number)
    return place_order(user=user, items=[(make_product(number).pk, 1)])


def make_user(number: int) -> User:
    return User.objects.create_member(f"p{number}@x.example", None, role="customer")


def make_role(number: int) -> Role:
    role = Role.objects.create(name=f"Role {number}", rank=10)
    make_user(number).groups.add(role)
    return role


def make_job(number: int) -> Job:
    user = make_user(number)
    refusals = [{"line": 1, "handle": "h", "reason": "r"}]
    return Job.objects.create(kind="x", filename="f", created_by=user, refusals=refusals)


def make_invitation(number: int) -> Invitation:
    owner = User.objects.get(email__startswith="owner@")
    return invite(acting=owner, email=f"g{number}@x.example", roles=[make_role(number)])


def make_key(number: int) -> ApiKey:
    owner = User.objects.get(email__startswith="owner@")
    role = Role.objects.create(name=f"Role {number}", rank=10)
    return issue(acting=owner, name=f"Key {number}", role=role, scopes=["orders:read"])[0]


ROWS: dict[Any, Callable[[int], object] | None] = {
    Category: make_product,
    Product: make_product,
    Order: make_order,
    User: make_user,
    Role: make_role,
    Job: make_job,
    Invitation: make_invitation,
    ApiKey: make_key,
    Change: make_order,
    PortalSettings: None,  # one row, ever
}


@pytest.fixture
def nothing_by_the_way(monkeypatch) -> None:
    """Let a list's rows raise where they would fetch what was not fetched along."""
    original = ChangeList.get_queryset

    def strict(self: Any, *args: Any, **kwargs: Any) -> Any:
        return original(self, *args, **kwargs).fetch_mode(FETCH_RAISE)

    monkeypatch.setattr(ChangeList, "get_queryset", strict)


def path_of(model: Any) -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


def queries(admin: Admin, path: str) -> int:
    answers = []
    count = count_queries(lambda: answers.append(admin.get(path)))
    assert answers[0].status_code == 200, path
    return count


def test_every_model_of_the_admin_is_here():
    assert set(ROWS) == set(tenant_admin._registry)


@pytest.mark.parametrize("query", ["", "?q=e&o=1.-2"])
@pytest.mark.parametrize("model", ROWS, ids=lambda model: model.__name__)
def test_a_list_asks_as_many_queries_for_100_rows_as_for_1(
    admin, acme, nothing_by_the_way, model, query
):
    make = ROWS[model]
    if make is not None:
        make(0)
    path = path_of(model)
    queries(admin, path)
    few = queries(admin, f"{path}{query}")
    assert few > 2
    for number in range(1, MANY) if make is not None else ():
        make(number)
    assert make is None or model.objects.count() >= MANY
    assert queries(admin, f"{path}{query}") == few


def test_what_a_list_fetches_by_the_way_is_found(admin, acme, nothing_by_the_way, monkeypatch):
    """The positive control."""
    make_order(0)
    assert queries(admin, path_of(Order)) > 2
    monkeypatch.setattr(tenant_admin._registry[Order], "list_select_related", [])
    with pytest.raises(FieldFetchBlocked):
        admin.get(path_of(Order))


def test_a_query_a_row_is_found(admin, acme, nothing_by_the_way, monkeypatch):
    """The positive control of the count."""
    make_order(0)
    options = tenant_admin._registry[Order]
    monkeypatch.setattr(options, "list_display", ["number", lambda order: order.items.count()])
    few = queries(admin, path_of(Order))
    make_order(1)
    assert queries(admin, path_of(Order)) == few + 1
