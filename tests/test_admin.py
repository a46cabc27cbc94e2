"""The admin of a tenant and of the operators: what each shows, and to whom."""

import pytest
from django.apps import apps
from django.conf import settings
from django.test import Client
from django.urls import reverse

from shared_apps.tenants.admin_sites import operators_admin, tenant_admin
from shared_apps.tenants.models import DeadTask
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
        DeadTask.objects.create(task="t", why="unknown tenant")
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


def change(admin: Admin, user: User, **form: object):
    groups = [g.pk for g in user.groups.all()]
    body = {"email": user.email, "name": user.name, "is_active": "on", "groups": groups} | form
    return admin.post(f"/admin/users/user/{user.pk}/change/", body)


def own_role(rank: int, *codenames: str) -> Role:
    from django.contrib.auth.models import Permission

    role = Role.objects.create(name=f"Own {rank}", rank=rank)
    role.permissions.set(Permission.objects.filter(codename__in=codenames))
    return role


def test_nobody_raises_a_role_to_their_own_rank_or_past_it(as_role, acme):
    admin = as_role("admin")
    role = own_role(50)
    path = f"/admin/users/role/{role.pk}/change/"
    for rank in (80, 5000):
        refused = admin.post(path, {"name": "Own", "rank": rank, "permissions": []})
        assert b"must be below your own" in refused.content
    assert Role.objects.get(pk=role.pk).rank == 50


def test_nobody_edits_a_role_they_are_in(as_role, acme):
    admin = as_role("admin")
    role = own_role(50)
    User.objects.get(email="admin@x.example").groups.add(role)
    body = {"name": "Own", "rank": 60, "permissions": []}
    assert admin.post(f"/admin/users/role/{role.pk}/change/", body).status_code == 403


def test_nobody_gives_a_role_that_holds_more_than_they_do(acme):
    people = own_role(50, "open_admin", "view_user", "change_user", "view_role")
    clerk = User.objects.create_member("hr@x.example", PASSWORD, role="customer")
    clerk.groups.add(people)
    hr = Admin(acme.primary_host, clerk)
    staff = Role.objects.get(code="staff")
    groups = [*clerk.groups.values_list("pk", flat=True), staff.pk]
    assert change(hr, clerk, groups=groups).status_code == 200
    assert not clerk.groups.filter(pk=staff.pk).exists()


def test_saving_a_person_keeps_the_roles_one_cannot_reach(as_role, acme):
    admin = as_role("admin")
    person = User.objects.create_member("p@x.example", None, role="customer")
    beyond = own_role(70, "open_admin")
    from django.contrib.auth.models import Permission

    beyond.permissions.add(Permission.objects.get(codename="delete_user"))
    person.groups.add(beyond)
    assert change(admin, person, groups=[]).status_code == 302
    assert list(person.groups.values_list("pk", flat=True)) == [beyond.pk]


def test_the_last_owner_stays(admin, acme):
    owner = User.objects.get(email="owner@acme.example")
    for form in ({"groups": []}, {"is_active": ""}):
        refused = change(admin, owner, **form)
        assert b"The last owner stays" in refused.content
    owner.refresh_from_db()
    assert (owner.is_active, owner.role) == (True, "owner")
    User.objects.create_member("second@x.example", None, role="owner")
    assert change(admin, owner, groups=[]).status_code == 302


def test_of_two_owners_who_demote_each_other_at_once_one_stays(portal):
    from concurrent.futures import ThreadPoolExecutor

    from shared_apps.tenants.scope import tenant_scope

    tenant = portal()
    with tenant_scope(tenant):
        owners = [
            User.objects.get(),
            User.objects.create_member("second@x.example", PASSWORD, role="owner"),
        ]
        sessions = [Admin(tenant.primary_host, owner) for owner in owners]

    def demote(number: int) -> int:
        from django.db import connection

        other = owners[1 - number]
        path = f"/admin/users/user/{other.pk}/change/"
        try:
            return (
                sessions[number]
                .post(path, {"email": other.email, "name": "", "is_active": "on", "groups": []})
                .status_code
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(demote, range(2)))
    with tenant_scope(tenant):
        assert User.objects.filter(groups__role__code="owner").count() == 1


def test_an_own_role_cannot_take_a_built_in_name(admin, acme):
    for name in ("owner", "Owner ", "ADMIN"):
        body = {"name": name, "rank": 10, "permissions": []}
        assert b"name of a built-in role" in admin.post("/admin/users/role/add/", body).content


def test_saving_a_role_keeps_what_one_could_not_give(acme):
    from django.contrib.auth.models import Permission

    roles = own_role(60, "open_admin", "view_role", "change_role")
    clerk = User.objects.create_member("hr@x.example", PASSWORD, role="customer")
    clerk.groups.add(roles)
    target = own_role(20, "refund_order", "view_role")
    offered = Permission.objects.get(codename="change_role").pk
    answer = Admin(acme.primary_host, clerk).post(
        f"/admin/users/role/{target.pk}/change/",
        {"name": "Target", "rank": 20, "permissions": [offered]},
    )
    assert answer.status_code == 302
    held = set(target.permissions.values_list("codename", flat=True))
    assert held == {"refund_order", "change_role"}


def test_a_new_password_a_deactivation_and_other_roles_end_every_login(admin, acme):
    from tests.api import Api

    def signed_in() -> tuple[User, Api]:
        user = User.objects.get(email="p@x.example")
        return user, Api(acme.primary_host).signed_in("p@x.example")

    User.objects.create_member("p@x.example", PASSWORD, role="customer")
    person, api = signed_in()
    new = "another horse 8"
    path = f"/admin/users/user/{person.pk}/password/"
    form = {"usable_password": "true", "password1": new, "password2": new}
    assert admin.post(path, form).status_code == 302
    assert api.get("/api/me/").status_code == 401
    person.set_password(PASSWORD)
    person.save()
    person, api = signed_in()
    assert change(admin, person, groups=[Role.objects.get(code="staff").pk]).status_code == 302
    assert api.get("/api/me/").status_code == 401
    person, api = signed_in()
    assert change(admin, person, is_active="").status_code == 302
    assert change(admin, person).status_code == 302
    assert api.post("/api/auth/refresh/", {"refresh": api.refresh}).status_code == 401


def test_a_product_saved_in_the_admin_does_not_undo_an_order(admin, order):
    product = Product.objects.get()
    form = {
        "name": "Renamed",
        "slug": "lamp",
        "price": "5",
        "attributes": "{}",
        "tags": "",
        "is_active": "on",
        "stock": "9",
    }
    path = f"/admin/products/product/{product.pk}/change/"
    assert admin.post(path, form).status_code == 302
    product.refresh_from_db()
    assert (product.name, product.stock) == ("Renamed", 7)
    assert admin.post(path, form | {"stock_change": "-3"}).status_code == 302
    assert admin.post(path, form | {"stock_change": "-5"}).status_code == 302
    product.refresh_from_db()
    assert product.stock == 4, "the second was more than there was"


@pytest.mark.parametrize(
    "attributes",
    ['{"a": "\\u0000"}', "NaN", "[1]", '{"a": 1e999}', '{"a": "\\ud800"}', "[" * 200_000],
)
def test_attributes_that_cannot_be_kept_are_shown_as_errors(admin, acme, attributes):
    form = {
        "name": "L",
        "slug": "l",
        "price": "1",
        "stock": "1",
        "tags": "",
        "attributes": attributes,
    }
    assert admin.post("/admin/products/product/add/", form).status_code == 200
    assert Product.objects.count() == 0


@pytest.mark.parametrize(
    "query",
    [
        "products/product/?category=x",
        "products/product/?q=%00",
        "products/product/?p=x",
        "autocomplete/?app_label=products&model_name=product&field_name=category&term=%00",
        "products/product/?category__id__exact=x",
        "orders/order/?status=%00",
        "users/user/x/change/",
    ],
)
def test_impossible_queries_are_no_5xx(admin, acme, query):
    assert admin.get(f"/admin/{query}").status_code < 500


def test_an_operator_who_saves_a_tenant_does_not_undo_a_suspension(acme, monkeypatch):
    from shared_apps.tenants.models import Tenant

    original = Tenant.change
    late_copy = {"name": "x"}

    def late(self, **values):
        Tenant.objects.filter(pk=self.pk).update(status="suspended", settings_copy=late_copy)
        return original(self, **values)

    with public_scope():
        client = Admin("localhost", User.objects.create_operator("root@x.example", PASSWORD))
        tenant = Tenant.objects.get(pk=acme.id)
        domain = tenant.domains.get()
        monkeypatch.setattr(Tenant, "change", late)
        form = {"name": "Renamed", "plan": str(tenant.plan_id)}
        form |= {"grace_until_0": "", "grace_until_1": ""}
        form |= {"domains-TOTAL_FORMS": 1, "domains-INITIAL_FORMS": 1}
        form |= {"domains-0-id": str(domain.pk), "domains-0-tenant": str(tenant.pk)}
        form |= {"domains-0-host": domain.host, "domains-0-is_primary": "on"}
        answer = client.post(f"/admin/tenants/tenant/{tenant.pk}/change/", form)
        assert answer.status_code == 302
        saved = Tenant.objects.get(pk=acme.id)
        assert (saved.name, saved.status) == ("Renamed", "suspended")
        assert saved.settings_copy == late_copy
