"""History: who changed what and when, the old value and the new; of nobody else and no secret."""

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from shared_apps.plans.models import Plan
from shared_apps.tenants.active import ActiveTenant
from shared_apps.tenants.domain_map import load_tenant
from shared_apps.tenants.models import Domain
from shared_apps.tenants.provisioning.pool import fill
from shared_apps.tenants.scope import no_scope, public_scope, tenant_scope
from tenant_apps.history.acting import acting_as, acting_person
from tenant_apps.history.models import Change
from tenant_apps.integrations.jobs import run
from tenant_apps.integrations.models import Job
from tenant_apps.orders.models import Order
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Category, Product
from tenant_apps.users.models import PortalSettings, Role, User
from tests.api import PASSWORD, Admin, Api
from tests.files.pictures import picture, upload

OWNER = "owner@acme.example"
CREATE, UPDATE, DELETE = 0, 1, 2


def entries(one: object) -> list[tuple[str | None, int, dict[str, object]]]:
    return [(c.actor_email, c.action, c.changes) for c in Change.objects.of(one)]


def last(one: object) -> tuple[str | None, int, dict[str, object]]:
    return entries(one)[0]


def add_person(email: str = "p@x.example", role: str = "customer") -> User:
    return User.objects.create_member(email, PASSWORD, role=role)


@pytest.fixture
def lamp(acme) -> Product:
    return Product.objects.create(name="Lamp", slug="lamp", price="2.50", stock=9)


@pytest.fixture
def order(lamp) -> Order:
    return place_order(user=User.objects.get(email=OWNER), items=[(lamp.pk, 2)])


def edit_in_the_list(admin: Admin, product: Product, price: str):
    form = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": str(product.pk)}
    return admin.post(
        "/admin/products/product/",
        form | {"form-0-price": price, "form-0-is_active": "on", "_save": "Save"},
    )


def test_a_change_in_the_admin_is_recorded_with_old_and_new_value(admin, lamp):
    assert edit_in_the_list(admin, lamp, "7.25").status_code == 302
    assert last(lamp) == (OWNER, UPDATE, {"price": ["2.50", "7.25"]})
    edit_in_the_list(admin, lamp, "7.25")
    assert len(entries(lamp)) == 2, "what was saved without a change is no entry"


def test_a_change_by_a_token_is_recorded_as_its_persons(owner, member, lamp):
    shelf = owner.post("/api/categories/", {"name": "Lights", "slug": "l"}).json()["id"]
    path = f"/api/products/{lamp.pk}/"
    sent = {"name": "Lantern", "category": shelf, "tags": ["a"]}
    assert member("manager").patch(path, sent).status_code == 200
    assert last(Category.objects.get()) == (
        *(OWNER, CREATE),
        {"name": [None, "Lights"], "slug": [None, "l"], "attribute_schema": [None, {}]},
    )
    assert last(lamp) == (
        *("manager@acme.example", UPDATE),
        {"name": ["Lamp", "Lantern"], "category": [None, "Lights"], "tags": [[], ["a"]]},
    )
    owner.delete(f"/api/products/{lamp.pk}/")
    who, what, fields = last(lamp)
    assert (who, what, fields["name"]) == (OWNER, DELETE, ["Lantern", None])


def test_what_a_request_changed_carries_its_id(owner, lamp):
    answer = owner.patch(f"/api/products/{lamp.pk}/", {"price": "3"})
    assert Change.objects.of(lamp)[0].cid == answer["X-Request-Id"]


def test_what_nobody_did_is_nobodys(lamp):
    assert acting_person() is None
    assert last(lamp)[0] is None
    with acting_as(User.objects.get(email=OWNER)):
        lamp.save()
        lamp.price = Decimal(1)
        lamp.save()
    assert last(lamp) == (OWNER, UPDATE, {"price": ["2.50", "1"]})
    assert acting_person() is None


def test_who_acts_in_one_scope_is_nobody_in_another(acme, globex):
    with public_scope():
        operator = User.objects.create_operator("root@x.example", PASSWORD)
        with acting_as(operator), tenant_scope(acme):
            shelf = Category.objects.create(name="c", slug="c")
            assert last(shelf)[0] is None
    with acting_as(User.objects.get(email=OWNER)):
        with tenant_scope(globex):
            assert last(Category.objects.create(name="c", slug="c"))[0] is None
        assert last(Category.objects.create(name="d", slug="d"))[0] == OWNER


def test_roles_and_what_they_may_do_are_recorded(owner, admin, acme):
    body = {"name": "Buyers", "rank": 15, "permissions": ["products.view_product"]}
    role_id = owner.post("/api/roles/", body).json()["id"]
    role = Role.objects.get(uuid=role_id)
    changed = {"description": "They buy", "permissions": ["orders.view_order"]}
    assert owner.patch(f"/api/roles/{role_id}/", changed).status_code == 200
    given, taken, text, *_ = entries(role)
    assert given == (
        *(OWNER, UPDATE),
        {
            "permissions": {
                "type": "m2m",
                "operation": "add",
                "objects": ["Orders | order | Can view order"],
            }
        },
    )
    assert taken[2]["permissions"]["operation"] == "delete"
    assert text == (OWNER, UPDATE, {"description": ["", "They buy"]})
    person = add_person()
    form = {"email": person.email, "name": "P", "is_active": "on", "groups": [role.pk]}
    assert admin.post(f"/admin/users/user/{person.pk}/change/", form).status_code == 302
    changes = [fields for _, _, fields in entries(person)[:3]]
    assert {"name": ["", "P"]} in changes
    groups = [fields["groups"] for fields in changes if "groups" in fields]
    assert sorted((g["operation"], g["objects"]) for g in groups) == [
        *(("add", ["Buyers"]), ("delete", ["Customer"])),
    ]


def test_letting_somebody_in_no_more_is_recorded(owner, acme):
    person = add_person()
    assert owner.patch(f"/api/users/{person.pk}/", {"is_active": False}).status_code == 200
    assert last(person) == (OWNER, UPDATE, {"is_active": [True, False]})


def test_settings_are_recorded(admin, acme):
    form = {"name": "Acme Ltd", "currency": "EUR", "catalogue_readers": "members"}
    form |= {"colour": "#1f5fbf", "language": "en", "time_zone": "UTC"}
    assert admin.post("/admin/users/portalsettings/1/change/", form).status_code == 302
    who, what, fields = last(PortalSettings.objects.get())
    assert (who, what, fields["name"]) == (OWNER, UPDATE, ["Acme", "Acme Ltd"])
    assert set(fields) == {"name", "catalogue_readers"}


def test_an_orders_moves_are_recorded(owner, admin, order):
    assert owner.post(f"/api/orders/{order.pk}/pay/").status_code == 200
    assert last(order) == (OWNER, UPDATE, {"status": ["pending", "paid"]})
    assert owner.post(f"/api/orders/{order.pk}/deliver/").status_code == 409
    assert len(entries(order)) == 2, "what was refused is no entry"
    assert entries(order)[1][:2] == (None, CREATE)


def test_an_orders_old_status_is_what_it_was_and_not_what_was_read(order):
    stale = Order.objects.get(pk=order.pk)
    order.move_to("paid")
    stale.move_to("cancelled")
    assert last(order)[2] == {"status": ["paid", "cancelled"]}


def test_stock_and_pictures_that_a_person_changed_are_recorded(admin, owner, lamp):
    form = {"name": "Lamp", "slug": "lamp", "price": "2.50", "attributes": "{}", "tags": ""}
    form |= {"is_active": "on", "stock": "9", "stock_change": "-4"}
    assert admin.post(f"/admin/products/product/{lamp.pk}/change/", form).status_code == 302
    assert last(lamp) == (OWNER, UPDATE, {"stock": [9, 5]})
    admin.post(f"/admin/products/product/{lamp.pk}/change/", form | {"stock_change": "-9"})
    assert len(entries(lamp)) == 2, "there was not so much"
    body = encode_multipart(BOUNDARY, {"file": upload(picture())})
    path = f"/api/products/{lamp.pk}/image/"
    assert owner.request("put", path, body, content_type=MULTIPART_CONTENT).status_code == 200
    assert last(lamp) == (OWNER, UPDATE, {"image": [None, "lamp.png"]})
    assert owner.delete(path).status_code == 204
    assert last(lamp)[2] == {"image": ["lamp.png", None]}


def test_views_and_the_stock_of_orders_are_no_entries(owner, order, lamp):
    before = len(entries(lamp))
    assert owner.get(f"/api/products/{lamp.pk}/").status_code == 200
    owner.post("/api/orders/", {"items": [{"product": str(lamp.pk), "quantity": 1}]})
    owner.post(f"/api/orders/{order.pk}/cancel/")
    assert len(entries(lamp)) == before


def test_an_import_is_one_entry_of_whoever_asked_for_it(owner, acme):
    csv = b"Handle,Title,Variant Price\nh,Lamp,5\nbad,Bad,x\n"
    body = {"file": SimpleUploadedFile("c.csv", csv)}
    owner.request("post", "/api/imports/", body, content_type=MULTIPART_CONTENT)
    job = Job.objects.get()
    run(job.pk)
    assert entries(job) == [
        (
            *(OWNER, UPDATE),
            {
                "created": [None, 1],
                "updated": [None, 0],
                "refused": [None, 1],
            },
        )
    ]
    assert entries(Product.objects.get()) == []
    assert acting_person() is None


def test_a_confirmed_address_is_recorded_once(acme):
    person = add_person()
    person.mark_email_verified()
    person.mark_email_verified()
    changes = [fields for _, _, fields in entries(person)]
    assert sum("email_verified_at" in fields for fields in changes) == 1


def test_no_secret_is_in_any_entry(admin, owner, acme):
    person = add_person("secret@x.example")
    new = "another horse 8"
    form = {"usable_password": "true", "password1": new, "password2": new}
    assert admin.post(f"/admin/users/user/{person.pk}/password/", form).status_code == 302
    Api(acme.primary_host).signed_in("secret@x.example", new)
    client = Client(headers={"host": acme.primary_host})
    with no_scope():
        client.post("/admin/login/", {"username": OWNER, "password": PASSWORD})
    fields = {name for c in Change.objects.all() for name in c.changes}
    assert not fields & {"password", "token_version", "last_login"}
    person.refresh_from_db()
    text = json.dumps(list(Change.objects.values_list("changes", flat=True)))
    assert person.password not in text
    assert new not in text


def test_operators_have_no_history_and_can_be_saved(public):
    with public_scope():
        operator = User.objects.create_operator("root@x.example", PASSWORD)
        operator.name = "Root"
        operator.save()


def test_an_operator_who_signs_a_company_up_is_nobody_in_it(portal):
    fill(2)
    with public_scope():
        email = f"root{User.objects.count()}@x.example"
        operator = User.objects.create_operator(email, PASSWORD)
        session = Admin("localhost", operator)
        plan = Plan.objects.get(code="free").code
    body = {"subdomain": "signedup", "company": "S", "email": "o@s.example", "plan": plan}
    with no_scope():
        answer = session.client.post(
            "/api/signup/", body | {"password": PASSWORD}, content_type="application/json"
        )
        assert answer.status_code == 201, answer.content
        assert session.client.get("/admin/").status_code == 200, "still signed in"
    with public_scope():
        tenant = load_tenant(Domain.objects.get(host="signedup.localhost").tenant_id)
    with tenant_scope(tenant):
        assert Change.objects.exists()
        assert not Change.objects.exclude(actor=None, actor_email=None).exists()


def test_the_person_is_forgotten_when_a_request_fails(acme, monkeypatch):
    def fail(*args: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("tenant_apps.users.views.MeView.get", fail)
    signed_in = Api(acme.primary_host).signed_in(OWNER)
    signed_in.client.raise_request_exception = False
    assert signed_in.get("/api/me/").status_code == 500
    assert acting_person() is None


def test_threads_over_tenants_never_mix_up_who_did_what(portal):
    """Sessions and tokens of four people in two tenants, on threads that serve them in turn."""
    tenants = [portal(), portal()]
    asks = [ask for tenant in tenants for ask in _asks_of(tenant)] * 10

    def serve(number: int) -> None:
        try:
            asks[number](f"p{number}")
            assert acting_person() is None
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(serve, range(len(asks))))
    for tenant in tenants:
        with tenant_scope(tenant):
            made = Change.objects.filter(action=CREATE, content_type__model="category")
            assert made.count() == 20
            for change in made.select_related("actor"):
                assert change.actor_email == change.actor.email == change.changes["name"][1]


def _asks_of(tenant: ActiveTenant):
    """Return one who asks by token, and one by session; each names what they make after them."""
    with tenant_scope(tenant):
        by_session = User.objects.create_member(
            f"session@{tenant.primary_host}", PASSWORD, role="manager"
        )
        by_token = User.objects.create_member(
            f"token@{tenant.primary_host}", PASSWORD, role="manager"
        )
        admin = Admin(tenant.primary_host, by_session)
    api = Api(tenant.primary_host).signed_in(by_token.email)

    def ask_by_session(slug: str) -> None:
        form = {"name": by_session.email, "slug": slug}
        assert admin.post("/admin/products/category/add/", form).status_code == 302

    def ask_by_token(slug: str) -> None:
        form = {"name": by_token.email, "slug": slug}
        assert api.post("/api/categories/", form).status_code == 201

    return ask_by_session, ask_by_token
