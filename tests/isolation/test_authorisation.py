"""Every operation of both documents, by every role: allowed where the role says so only.

What an operation needs stands in ``NEEDS``; who has it is derived from the table of built-in
roles. An operation that is missing here fails the suite.
"""

from typing import Any
from uuid import uuid4

import pytest
import yaml
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.integrations.models import Job
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Category, Product
from tenant_apps.users.api_keys.issuing import issue
from tenant_apps.users.built_in_roles import BUILT_IN_ROLES
from tenant_apps.users.invitations.inviting import invite
from tenant_apps.users.models import Invitation, RefreshFamily, Role, User
from tests.api import PASSWORD, Api

ANYONE, MEMBER, OWNER = "anyone", "member", "owner"

# (method, path) -> what it needs; the catalogue of these tenants is read by anyone.
NEEDS: dict[tuple[str, str], str] = {
    ("post", "/api/auth/login/"): ANYONE,
    ("post", "/api/auth/refresh/"): ANYONE,
    ("post", "/api/auth/token/"): ANYONE,
    ("post", "/api/auth/logout/"): MEMBER,
    ("post", "/api/auth/password-reset/"): ANYONE,
    ("post", "/api/auth/password-reset/confirm/"): ANYONE,
    ("post", "/api/me/password/"): MEMBER,
    ("post", "/api/me/email/"): MEMBER,
    ("get", "/api/me/sessions/"): MEMBER,
    ("delete", "/api/me/sessions/{id}/"): MEMBER,
    ("post", "/api/me/sessions/revoke-others/"): MEMBER,
    ("get", "/api/invitations/"): "users.invite_user",
    ("post", "/api/invitations/"): "users.invite_user",
    ("post", "/api/invitations/{id}/resend/"): "users.invite_user",
    ("post", "/api/invitations/{id}/revoke/"): "users.invite_user",
    ("post", "/api/invitations/accept/"): ANYONE,
    ("get", "/api/api-keys/"): "users.manage_apikey",
    ("post", "/api/api-keys/"): "users.manage_apikey",
    ("get", "/api/api-keys/{id}/"): "users.manage_apikey",
    ("post", "/api/api-keys/{id}/rotate/"): "users.manage_apikey",
    ("post", "/api/api-keys/{id}/revoke/"): "users.manage_apikey",
    ("get", "/api/me/"): MEMBER,
    ("patch", "/api/me/"): MEMBER,
    **{
        (method, path): need
        for kind, name in (("products", "product"), ("categories", "category"))
        for method, path, need in (
            ("get", f"/api/{kind}/", ANYONE),
            ("get", f"/api/{kind}/{{id}}/", ANYONE),
            ("post", f"/api/{kind}/", f"products.add_{name}"),
            ("put", f"/api/{kind}/{{id}}/", f"products.change_{name}"),
            ("patch", f"/api/{kind}/{{id}}/", f"products.change_{name}"),
            ("delete", f"/api/{kind}/{{id}}/", f"products.delete_{name}"),
        )
    },
    ("get", "/api/products/popular/"): ANYONE,
    ("get", "/api/products/favorites/"): MEMBER,
    ("post", "/api/products/{id}/favorite/"): MEMBER,
    ("delete", "/api/products/{id}/favorite/"): MEMBER,
    ("get", "/api/products/{id}/image/"): ANYONE,
    ("put", "/api/products/{id}/image/"): "products.change_product",
    ("delete", "/api/products/{id}/image/"): "products.change_product",
    ("get", "/api/imports/"): "products.import_catalogue",
    ("post", "/api/imports/"): "products.import_catalogue",
    ("get", "/api/imports/{id}/"): "products.import_catalogue",
    **{
        (method, path): need
        for method, path, need in (
            ("get", "/api/roles/", "users.view_role"),
            ("post", "/api/roles/", "users.add_role"),
            ("get", "/api/roles/{id}/", "users.view_role"),
            ("patch", "/api/roles/{id}/", "users.change_role"),
            ("delete", "/api/roles/{id}/", "users.delete_role"),
            ("post", "/api/roles/{id}/copy/", "users.add_role"),
            ("get", "/api/roles/{id}/members/", "users.view_role"),
            ("patch", "/api/roles/{id}/members/", "users.change_user"),
            ("get", "/api/permissions/", "users.view_role"),
            ("get", "/api/settings/", MEMBER),
            ("patch", "/api/settings/", "users.change_portalsettings"),
            ("put", "/api/settings/logo/", "users.change_portalsettings"),
            ("delete", "/api/settings/logo/", "users.change_portalsettings"),
            ("get", "/api/users/", "users.view_user"),
            ("get", "/api/users/{id}/", "users.view_user"),
            ("patch", "/api/users/{id}/", "users.change_user"),
            ("put", "/api/users/{id}/roles/", "users.change_user"),
            ("post", "/api/users/{id}/make-owner/", OWNER),
            ("post", "/api/users/{id}/revoke-sessions/", "users.change_user"),
            ("get", "/api/users/{id}/why/", "users.view_role"),
            ("get", "/api/grants/", "users.change_user"),
            ("post", "/api/grants/", "users.change_user"),
        )
    },
    ("get", "/api/usage/"): "users.change_portalsettings",
    **{("get", f"/api/billing/{name}"): OWNER for name in ("", "preview/", "invoices/")},
    **{
        ("post", f"/api/billing/{name}/"): OWNER
        for name in ("change", "checkout", "portal", "cancel", "resume")
    },
    ("get", "/api/orders/"): MEMBER,
    ("post", "/api/orders/"): MEMBER,
    # The order is the owner's own: whoever may not see all orders does not see this one.
    ("get", "/api/orders/{id}/"): "orders.view_order",
    ("post", "/api/orders/{id}/cancel/"): "orders.change_order",
    ("post", "/api/orders/{id}/pay/"): "orders.change_order",
    ("post", "/api/orders/{id}/ship/"): "orders.change_order",
    ("post", "/api/orders/{id}/deliver/"): "orders.change_order",
    ("post", "/api/orders/{id}/refund/"): "orders.refund_order",
}
PUBLIC: dict[tuple[str, str], str] = {
    ("post", "/api/signup/"): ANYONE,
    ("get", "/api/signup/subdomain/"): ANYONE,
    ("get", "/api/plans/"): ANYONE,
}
# They ask for something else than a token, and are told nothing by one.
SECRETS = {
    *("/api/auth/login/", "/api/auth/refresh/", "/api/invitations/accept/"),
    "/api/auth/token/",
    *("/api/auth/password-reset/", "/api/auth/password-reset/confirm/"),
}
WHO = ["anonymous", *BUILT_IN_ROLES]


def operations(host: str) -> set[tuple[str, str]]:
    document = yaml.safe_load(Api(host).get("/api/schema/").content)
    return {(method, path) for path, methods in document["paths"].items() for method in methods}


def may(who: str, need: str) -> bool:
    """Derive from the table of roles whether ``who`` may."""
    if need == ANYONE:
        return True
    if who == "anonymous":
        return False
    if need == OWNER:
        return who == "owner"
    return need == MEMBER or need in BUILT_IN_ROLES[who][3]


def fill(mark: str) -> dict[str, str]:
    """Make one of each in the active tenant; return the ids by the first part of the path."""
    owner = User.objects.filter(groups__role__code="owner").get()
    shelf = Category.objects.create(name=mark, slug="shelf")
    product = Product.objects.create(name=mark, slug="p", price=1, stock=99, category=shelf)
    order = place_order(user=owner, items=[(product.pk, 1)])
    job = Job.objects.create(kind="catalogue_import", filename=mark)
    role, _ = Role.objects.get_or_create(name="Own", rank=15)
    person, _ = User.objects.get_or_create(email="person@x.example")
    login = RefreshFamily.objects.open(pk=uuid4(), user=owner, jti="x")
    key, _ = issue(acting=owner, name=mark, role=role, scopes=["products:read"])
    Invitation.objects.all().delete()
    invitation = invite(acting=owner, email=f"{role.pk}@x.example", roles=[role])
    return {
        "products": str(product.pk),
        "categories": str(shelf.pk),
        "orders": str(order.pk),
        "imports": str(job.pk),
        "roles": str(role.uuid),
        "users": str(person.pk),
        "invitations": str(invitation.pk),
        "me": str(login.pk),
        "api-keys": str(key.pk),
    }


def send(api: Api, method: str, path: str, ids: dict[str, str]) -> Any:
    url = path.replace("{id}", ids.get(path.split("/")[2], ""))
    if method == "get":
        return api.get(url)
    if path == "/api/auth/token/":
        return api.request("post", url, "", content_type="application/x-www-form-urlencoded")
    if path == "/api/imports/":
        return api.request("post", url, {}, content_type=MULTIPART_CONTENT)
    if method == "put" and path.endswith(("/image/", "/logo/")):
        body = encode_multipart(BOUNDARY, {})
        return api.request("put", url, body, content_type=MULTIPART_CONTENT)
    return api.request(method, url, {})


@pytest.fixture
def people(acme) -> dict[str, Api]:
    api = Api(acme.primary_host)
    signed_in = {"anonymous": api, "owner": api.signed_in("owner@acme.example")}
    for role in set(BUILT_IN_ROLES) - {"owner"}:
        User.objects.create_member(f"{role}@x.example", PASSWORD, role=role)
        signed_in[role] = api.signed_in(f"{role}@x.example")
    return signed_in


def test_no_operation_is_missing_here(acme):
    assert operations(acme.primary_host) == set(NEEDS)
    assert operations("localhost") == set(PUBLIC)


@pytest.mark.parametrize(("method", "path"), NEEDS)
def test_each_role_may_what_its_permissions_say_and_nothing_else(people, acme, method, path):
    need = NEEDS[method, path]
    for who in WHO:
        ids = fill_again()
        answer = send(people[who], method, path, ids)
        assert answer.status_code < 500, (who, answer.content)
        refused = answer.status_code in (401, 403) or (
            answer.status_code == 404 and path.startswith("/api/orders/{id}")
        )
        if path in SECRETS:
            refused = False  # the body is empty: 400, for everybody
        assert refused is not may(who, need), (who, need, answer.status_code, answer.content)
        if who == "anonymous" and refused:
            assert answer.status_code == 401


def fill_again() -> dict[str, str]:
    """Make the rows anew: the one before may have deleted or moved them."""
    from tenant_apps.orders.models import Order, OrderItem

    OrderItem.objects.all().delete()
    Order.objects.all().delete()
    Product.objects.all().delete()
    Category.objects.all().delete()
    return fill("acme's")


@pytest.mark.parametrize(("method", "path"), NEEDS)
def test_a_neighbours_token_and_a_neighbours_ids_open_nothing(people, acme, globex, method, path):
    with tenant_scope(globex):
        theirs = fill("globex's")
        stranger = Api(globex.primary_host).signed_in("owner@globex.example")
    ours = fill("acme's")
    need = NEEDS[method, path]
    # Their token here: nobody.
    answer = send(Api(acme.primary_host, stranger.token), method, path, ours)
    if path not in SECRETS:
        assert answer.status_code == 401
    # Their ids here, asked by our owner: not there.
    if "{id}" in path:
        answer = send(people["owner"], method, path, theirs)
        assert answer.status_code == 404
        assert b"globex" not in answer.content
    # Our token on the public host: no such route.
    answer = send(Api("localhost", people["owner"].token), method, path, ours)
    assert answer.status_code == 404
    assert need


@pytest.mark.parametrize(("method", "path"), PUBLIC)
def test_what_the_public_host_offers_is_on_no_portal(people, acme, public, method, path):
    with tenant_scope(acme):
        assert send(people["owner"], method, path, {}).status_code == 404
    assert send(Api("localhost"), method, path, {}).status_code in (200, 400)
