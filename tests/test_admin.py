"""The admin of a tenant and of the operators: what each shows, and to whom."""

import time

import pytest
from django.apps import apps
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from billing.models import StripeEvent, UsagePeriod
from shared_apps.tenants.admin_sites import operators_admin, tenant_admin
from shared_apps.tenants.domain_map import POLL_SECONDS, DomainMap
from shared_apps.tenants.models import DeadTask, Domain
from shared_apps.tenants.scope import no_scope, public_scope
from tenant_apps.orders.models import Order
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Category, Product
from tenant_apps.users.models import PortalSettings, User
from tests.api import PASSWORD, Admin


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


def test_orders_move_by_actions(admin, order):
    def act(action: str) -> bytes:
        form = {"action": action, "_selected_action": str(order.pk), "confirmed": "yes"}
        admin.post("/admin/orders/order/", form)
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


def test_changed_settings_are_published(admin, acme):
    from shared_apps.tenants.models import Tenant

    answer = admin.post(
        "/admin/users/portalsettings/1/change/",
        {
            "name": "Acme Ltd",
            "currency": "USD",
            "catalogue_readers": "members",
            "colour": "#1f5fbf",
            "language": "en",
            "time_zone": "UTC",
        },
    )
    assert answer.status_code == 302
    assert PortalSettings.objects.get().currency == "USD"
    with public_scope():
        assert Tenant.objects.get(pk=acme.id).settings_copy == {
            "name": "Acme Ltd",
            "currency": "USD",
            "catalogue_readers": "members",
            "colour": "#1f5fbf",
            "language": "en",
            "time_zone": "UTC",
            "logo": "",
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
        UsagePeriod.objects.create(tenant_id=acme.id, period="2026-10-01", requests=1)
        StripeEvent.objects.create(
            event_id="evt_1", type="a.b", is_live=False, created_at=timezone.now()
        )
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


def test_a_portal_renamed_by_an_operator_is_found_under_its_new_name(portal):
    tenant = portal()
    each = DomainMap()
    assert each.tenant_for(tenant.primary_host)
    with public_scope():
        client = Admin(
            "localhost", User.objects.create_operator(f"{tenant.id}@x.example", PASSWORD)
        )
        domain = Domain.objects.get(host=tenant.primary_host)
        form = {"host": "moved.localhost", "tenant": str(tenant.id), "is_primary": "on"}
        answer = client.post(f"/admin/tenants/domain/{domain.pk}/change/", form)
        assert answer.status_code == 302
    time.sleep(POLL_SECONDS)
    assert each.tenant_for("moved.localhost").id == tenant.id
    assert each.tenant_for(tenant.primary_host) is None
