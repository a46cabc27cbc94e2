"""The admin of a tenant and of the operators: what each shows, and to whom."""

import pytest
from django.apps import apps
from django.conf import settings
from django.test import Client
from django.urls import reverse

from shared_apps.tenants.admin_sites import operators_admin, tenant_admin
from shared_apps.tenants.scope import no_scope, public_scope
from tenant_apps.orders.models import Order
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Category, Product
from tenant_apps.users.models import PortalSettings, Role, User
from tests.api import PASSWORD, count_queries

BACKEND = "django.contrib.auth.backends.ModelBackend"


class Admin:
    """A person's session in an admin."""

    def __init__(self, host: str, user: User) -> None:
        self.client = Client(headers={"host": host})
        self.client.force_login(user, BACKEND)

    def get(self, path: str):
        with no_scope():
            return self.client.get(path)

    def post(self, path: str, data: dict[str, object]):
        with no_scope():
            return self.client.post(path, data)


@pytest.fixture
def admin(acme) -> Admin:
    return Admin(acme.primary_host, User.objects.get(email="owner@acme.example"))


@pytest.fixture
def as_role(acme):
    return lambda role: Admin(
        acme.primary_host, User.objects.create_member(f"{role}@x.example", PASSWORD, role=role)
    )


@pytest.fixture
def order(acme) -> Order:
    product = Product.objects.create(name="Lamp", slug="lamp", price=5, stock=9)
    return place_order(user=User.objects.get(email="owner@acme.example"), items=[(product.pk, 2)])


def test_no_model_of_one_side_is_in_the_others_admin():
    shared_only = {"tenants", "plans", "billing"}
    in_tenant = {model._meta.app_label for model in tenant_admin._registry}
    in_operators = {model._meta.app_label for model in operators_admin._registry}
    assert not in_tenant & shared_only
    assert in_operators <= shared_only | {"users"}
    assert {"products", "orders", "users"} <= in_tenant
    labels = {apps.get_app_config(n.rpartition(".")[2]).label for n in settings.TENANT_APPS}
    assert in_tenant <= labels


@pytest.mark.parametrize("model", tenant_admin._registry, ids=lambda m: m._meta.model_name)
def test_every_page_of_the_tenants_admin_opens(admin, order, model):
    Category.objects.create(name="c", slug="c")
    with no_scope():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    answer = admin.get(reverse(f"{name}_changelist", "config.urls_tenant"))
    assert answer.status_code == 200
    row = model._default_manager.first()
    if row is not None:
        change = reverse(f"{name}_change", "config.urls_tenant", [row.pk])
        assert admin.get(change).status_code == 200
    if tenant_admin._registry[model].has_add_permission(answer.wsgi_request):
        assert admin.get(reverse(f"{name}_add", "config.urls_tenant")).status_code == 200


def test_it_opens_for_roles_that_may_and_for_no_one_else(as_role, acme):
    for role, status in (("admin", 200), ("manager", 200), ("staff", 200), ("customer", 302)):
        assert as_role(role).get("/admin/").status_code == status
    with no_scope():
        assert Client(headers={"host": acme.primary_host}).get("/admin/").status_code == 302


def test_one_signs_in_with_e_mail_and_password(acme):
    client = Client(headers={"host": acme.primary_host})
    with no_scope():
        answer = client.post(
            "/admin/login/", {"username": "Owner@acme.example", "password": PASSWORD}
        )
        assert answer.status_code == 302
        page = client.get("/admin/")
    assert page.status_code == 200
    assert b"Acme" in page.content


def test_a_session_of_one_portal_is_none_in_another(admin, globex):
    admin.client.defaults["HTTP_HOST"] = globex.primary_host
    admin.client.headers = None
    with no_scope():
        answer = admin.client.get("/admin/", headers={"host": globex.primary_host})
    assert answer.status_code == 302
    assert "/admin/login/" in answer["Location"]


def test_a_copied_session_row_is_refused_by_its_mark(admin, acme):
    from django.contrib.sessions.models import Session

    session = admin.client.session
    session["_tenant"] = "tenant:another"
    session.save()
    assert admin.get("/admin/").status_code == 302
    assert not Session.objects.filter(pk=session.session_key).exists()


def test_products_can_be_edited_in_the_list(admin, order):
    product = Product.objects.get()
    answer = admin.post(
        "/admin/products/product/",
        {
            "form-TOTAL_FORMS": 1,
            "form-INITIAL_FORMS": 1,
            "form-0-id": str(product.pk),
            "form-0-price": "7.25",
            "_save": "Save",
        },
    )
    assert answer.status_code == 302
    product.refresh_from_db()
    assert (str(product.price), product.is_active) == ("7.25", False)


def test_products_have_what_the_document_asks_for():
    options = tenant_admin._registry[Product]
    assert options.list_editable == ["price", "is_active"]
    assert options.prepopulated_fields == {"slug": ["name"]}
    assert {"created_at", "updated_at"} <= set(options.readonly_fields)
    assert options.list_select_related == ["category"]
    assert {"name", "slug"} <= set(options.search_fields)


@pytest.mark.parametrize(
    "path", ["products/product", "orders/order", "users/user", "products/category"]
)
def test_a_list_asks_the_same_number_of_queries_for_few_rows_and_many(admin, order, path):
    def queries() -> int:
        return count_queries(lambda: admin.get(f"/admin/{path}/"))

    few = queries()
    assert few > 2
    user = User.objects.get(email="owner@acme.example")
    for number in range(12):
        shelf = Category.objects.create(name=f"c{number}", slug=f"c{number}")
        product = Product.objects.create(
            name="p", slug=f"p{number}", price=1, stock=5, category=shelf
        )
        place_order(user=user, items=[(product.pk, 1)])
        User.objects.create_member(f"p{number}@x.example", None, role="customer")
    assert queries() == few


def test_orders_move_by_actions(admin, order):
    def act(action: str) -> bytes:
        admin.post("/admin/orders/order/", {"action": action, "_selected_action": str(order.pk)})
        order.refresh_from_db()
        return admin.get("/admin/orders/order/").content

    act("pay")
    assert order.status == "paid"
    assert b"cannot become delivered" in act("deliver")
    act("cancel")
    assert (order.status, Product.objects.get().stock) == ("cancelled", 9)


def test_only_those_who_may_refund_are_offered_it(as_role, order):
    assert b'value="refund"' in as_role("manager").get("/admin/orders/order/").content
    assert b'value="refund"' not in as_role("staff").get("/admin/orders/order/").content


def test_roles_are_given_up_to_ones_own_rank(as_role):
    admin = as_role("admin")
    person = User.objects.create_member("new@x.example", None, role="customer")
    path = f"/admin/users/user/{person.pk}/change/"
    form = {"email": person.email, "name": "", "is_active": "on"}
    refused = admin.post(path, form | {"groups": Role.objects.get(code="owner").pk})
    assert refused.status_code == 200
    assert person.groups.get().role.code == "customer"
    assert admin.post(path, form | {"groups": Role.objects.get(code="staff").pk}).status_code == 302
    assert person.groups.get().role.code == "staff"


def test_an_admin_cannot_touch_the_owner(as_role, acme):
    owner = User.objects.get(email="owner@acme.example")
    answer = as_role("admin").post(
        f"/admin/users/user/{owner.pk}/change/", {"email": owner.email, "name": "", "groups": []}
    )
    assert answer.status_code == 403
    owner.refresh_from_db()
    assert owner.is_active


def test_nobody_is_made_a_superuser_through_the_form(admin, acme):
    person = User.objects.create_member("new@x.example", None, role="customer")
    admin.post(
        f"/admin/users/user/{person.pk}/change/",
        {"email": person.email, "name": "", "is_active": "on", "is_superuser": "on", "groups": []},
    )
    person.refresh_from_db()
    assert not person.is_superuser


def test_own_roles_can_be_made_of_what_one_holds(admin, as_role):
    page = admin.get("/admin/users/role/add/").content
    assert b"Can import a catalogue" in page
    assert b"Can add log entry" not in page
    assert b"Can change tenant" not in page
    answer = admin.post("/admin/users/role/add/", {"name": "Buyers", "rank": 15, "permissions": []})
    assert answer.status_code == 302
    own = Role.objects.get(name="Buyers")
    assert own.pk >= 1000
    built_in = Role.objects.get(code="staff")
    body = {"name": "Hacked", "rank": 99, "permissions": []}
    assert admin.post(f"/admin/users/role/{built_in.pk}/change/", body).status_code == 403
    assert as_role("staff").get("/admin/users/role/").status_code == 403


def test_changed_settings_are_published(admin, acme):
    from shared_apps.tenants.models import Tenant

    answer = admin.post(
        "/admin/users/portalsettings/1/change/",
        {"name": "Acme Ltd", "currency": "USD", "catalogue_readers": "members"},
    )
    assert answer.status_code == 302
    assert PortalSettings.objects.get().currency == "USD"
    with public_scope():
        assert Tenant.objects.get(pk=acme.id).settings_copy == {
            "name": "Acme Ltd",
            "currency": "USD",
            "catalogue_readers": "members",
        }
    bad = admin.post(
        "/admin/users/portalsettings/1/change/",
        {"name": "Acme", "currency": "euro", "catalogue_readers": "members"},
    )
    assert bad.status_code == 200


@pytest.mark.parametrize("model", operators_admin._registry, ids=lambda m: m._meta.model_name)
def test_every_page_of_the_operators_admin_opens(public, acme, model):
    with public_scope():
        operator = User.objects.create_operator("root@x.example", PASSWORD)
        client = Admin("localhost", operator)
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        assert client.get(reverse(f"{name}_changelist", "config.urls_public")).status_code == 200
        row = model._default_manager.first()
        change = reverse(f"{name}_change", "config.urls_public", [row.pk])
        assert client.get(change).status_code == 200


def test_a_tenants_owner_is_nobody_in_the_operators_admin(admin):
    with no_scope():
        answer = admin.client.get("/admin/", headers={"host": "localhost"})
    assert answer.status_code == 302
