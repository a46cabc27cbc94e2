"""Grants are in the history: given and taken, by whom, to whom, on what."""

import pytest

from tenant_apps.history.models import Change
from tenant_apps.products.models import Product
from tenant_apps.users.models import Role, User
from tenant_apps.users.roles.objects import give_grants, take_grants
from tests.api import Api, count_queries

OWNER = "owner@acme.example"
CREATED, DELETED = Change.Action.CREATE, Change.Action.DELETE


def lamp(number: int = 0) -> Product:
    return Product.objects.create(name=f"Lamp {number}", slug=f"l{number}", price=1)


def entries() -> list[tuple[str | None, int, str]]:
    """Return what is told of grants, the first first."""
    about = Change.objects.filter(content_type__model__endswith="grant").order_by("id")
    return list(about.values_list("actor_email", "action", "object_repr"))


@pytest.fixture
def ann(acme) -> User:
    return User.objects.create_member("ann@x.example", None, role="customer")


def give(owner: Api, one: Product, **more: object) -> int:
    body = {"kind": "product", "objects": [str(one.pk)], "permissions": ["view_product"]} | more
    return owner.post("/api/grants/", body).status_code


def test_a_grant_that_is_given_and_taken_is_in_the_history(owner, ann):
    one, to = lamp(), {"people": [str(ann.pk)]}
    assert [give(owner, one, **to), give(owner, one, **to)] == [204, 204]
    assert entries() == [(OWNER, CREATED, "ann@x.example: view Lamp 0")]
    [change] = Change.objects.filter(action=CREATED, content_type__model="productpersongrant")
    told = {field.field: field.new for field in change.fields()}
    assert told["user"] == "ann@x.example"
    assert told["product"] == "Lamp 0"
    assert "Can view product" in told["permission"]
    assert give(owner, one, withdraw=True, **to) == 204
    assert entries()[1:] == [(OWNER, DELETED, "ann@x.example: view Lamp 0")]


def test_a_refused_grant_leaves_nothing_in_the_history(member, ann):
    admin = member("admin")
    above = {"people": [str(ann.pk), str(User.objects.get(email=OWNER).pk)]}
    assert give(admin, lamp(), **above) == 403
    assert entries() == []


def test_grants_that_go_with_their_object_or_their_role_are_told(owner, ann):
    me, role = User.objects.get(email=OWNER), Role.objects.create(name="Buyers", rank=20)
    one, other = lamp(1), lamp(2)
    give_grants(acting=me, to=[ann, role], objects=[one, other], codenames=["change_product"])
    before = len(entries())
    one.delete()
    gone = ["Buyers: change Lamp 1", "ann@x.example: change Lamp 1"]
    assert sorted(text for *_, text in entries()[before:]) == gone
    assert owner.delete(f"/api/roles/{role.uuid}/").status_code == 204
    assert entries()[-1] == (OWNER, DELETED, "Buyers: change Lamp 2")


def test_taking_many_back_reads_what_they_were_about_at_once(acme, ann):
    me, lamps = User.objects.get(email=OWNER), [lamp(number) for number in range(20)]
    deal = {"acting": me, "to": [ann], "codenames": ["view_product"]}
    give_grants(objects=lamps, **deal)
    few = count_queries(lambda: take_grants(objects=lamps[:2], **deal))
    many = count_queries(lambda: take_grants(objects=lamps[2:], **deal))
    assert many - few == 16, "an entry each"
