"""Export from the admin: what a person may see and chose, in three formats, with no formula."""

import csv
import json
import time
from datetime import timedelta
from io import BytesIO, StringIO

import pytest
from django.contrib.auth.models import Permission
from openpyxl import load_workbook

from shared_apps.tenants.admin_export import cell
from shared_apps.tenants.domain_map import POLL_SECONDS
from shared_apps.tenants.models import Tenant
from shared_apps.tenants.scope import public_scope, tenant_scope
from tenant_apps.orders.models import Order
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Category, Product
from tenant_apps.users.models import PortalSettings, Role, User
from tenant_apps.users.roles.objects import give_grants
from tests.api import PASSWORD, Admin, count_queries

PRODUCTS = "/admin/products/product/"
CATEGORIES = "/admin/products/category/"
ORDERS = "/admin/orders/order/"
FORMATS = {"csv": "0", "xlsx": "1", "json": "2"}
COLUMNS = {
    PRODUCTS: ("productrows", ["name", "price", "stock", "category", "attributes", "tags"]),
    CATEGORIES: (
        "categoryrows",
        ["name", "slug", "attribute_schema", "products_count", "avg_price"],
    ),
    ORDERS: ("orderrows", ["number", "email", "status", "total", "items", "created_at"]),
}


def export(admin: Admin, path: str, kind: str = "json", query: str = "", **form: object):
    prefix, names = COLUMNS[path]
    columns = {f"{prefix}_{name}": "on" for name in names}
    body = {"format": FORMATS[kind], "resource": "0"} | columns | form
    return admin.post(f"{path}export/{query}", body)


def rows(answer) -> list[dict[str, object]]:
    assert answer.status_code == 200
    kind = answer["Content-Type"].partition(";")[0]
    if kind == "application/json":
        return json.loads(answer.content)
    if kind == "text/csv":
        return list(csv.DictReader(StringIO(answer.content.decode())))
    header, *values = load_workbook(BytesIO(answer.content)).active.values
    return [dict(zip(header, row, strict=True)) for row in values]


def product(name: str = "Lamp", **values: object) -> Product:
    slug = f"p{Product.objects.count()}"
    return Product.objects.create(**{"name": name, "slug": slug, "price": "2.50"} | values)


@pytest.fixture
def shop(acme) -> Order:
    shelf = Category.objects.create(name="Lights", slug="lights")
    lamp = product(stock=9, category=shelf, attributes={"Colour": ["red"]}, tags=["a", "b"])
    product("Hidden", is_active=False)
    owner = User.objects.get(email="owner@acme.example")
    return place_order(user=owner, items=[(lamp.pk, 2)])


def test_products_leave_in_three_formats(admin, shop):
    lamp = {"name": "Lamp", "category": "lights"}
    as_json = lamp | {
        "price": "2.50",
        "stock": 7,
        "attributes": {"Colour": ["red"]},
        "tags": ["a", "b"],
    }
    assert as_json in rows(export(admin, PRODUCTS, "json"))
    as_text = {"attributes": '{"Colour": ["red"]}', "tags": "a, b"}
    assert lamp | as_text | {"price": "2.50", "stock": "7"} in rows(export(admin, PRODUCTS, "csv"))
    assert lamp | as_text | {"price": 2.5, "stock": 7} in rows(export(admin, PRODUCTS, "xlsx"))


def test_categories_and_orders_leave_with_what_belongs_to_them(admin, shop):
    figures = {"attribute_schema": {}, "products_count": 1, "avg_price": "2.50"}
    assert rows(export(admin, CATEGORIES)) == [{"name": "Lights", "slug": "lights"} | figures]
    [order] = rows(export(admin, ORDERS))
    assert order.pop("created_at").startswith(str(shop.created_at.year))
    assert order == {
        "number": 1001,
        "email": "owner@acme.example",
        "status": "pending",
        "total": "5.00",
        "items": [{"product": "Lamp", "quantity": 2, "unit_price": "2.50"}],
    }
    for kind in ("csv", "xlsx"):
        [order] = rows(export(admin, ORDERS, kind))
        assert json.loads(str(order["items"]))[0]["product"] == "Lamp"
        assert str(order["created_at"]).startswith(f"{shop.created_at:%Y-%m-%d %H:%M:%S}")


@pytest.mark.parametrize("kind", FORMATS)
def test_an_exported_attribute_schema_makes_the_same_category_again(admin, owner, kind):
    schema = {
        "size": {"type": "number", "unit": "cm", "required": True},
        "color": {"type": "choice", "choices": ["=red", 'b"l', "große, blaue"]},
    }
    Category.objects.create(name="Lights", slug="lights", attribute_schema=schema)
    [row] = rows(export(admin, CATEGORIES, kind))
    exported = row["attribute_schema"]
    sent = exported if kind == "json" else json.loads(str(exported))
    Category.objects.all().delete()
    body = {"name": row["name"], "slug": row["slug"], "attribute_schema": sent}
    made = owner.post("/api/categories/", body)
    assert (made.status_code, made.json()["attribute_schema"]) == (201, schema)
    assert Category.objects.get().attribute_schema == schema


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff20"])
def test_no_cell_of_a_spreadsheet_is_a_formula_and_json_keeps_the_text(admin, acme, begin):
    text = f'{begin}HYPERLINK("http://x.example")'
    product(text, tags=[text], category=Category.objects.create(name=text, slug="c"))
    for kind in ("csv", "xlsx"):
        [row] = rows(export(admin, PRODUCTS, kind))
        for value in (row["name"], row["tags"]):
            assert value.replace("\r", "\n").replace("_x000D_", "\n") == f"'{text}".replace(
                "\r", "\n"
            )
    [row] = rows(export(admin, PRODUCTS, "json"))
    assert (row["name"], row["tags"]) == (text, [text])
    [row] = rows(export(admin, CATEGORIES, "csv"))
    assert row["name"].startswith("'")


def test_numbers_stay_numbers_and_harmless_texts_as_they_are():
    assert [cell(value) for value in (-5, 1.5, True, "a=b", "'x", "", None)] == [
        *(-5, 1.5, True, "a=b", "'x", "", ""),
    ]


def test_what_a_workbook_cannot_hold_does_not_break_it(admin, acme):
    product("Lamp\x01\x0b")
    [row] = rows(export(admin, PRODUCTS, "xlsx"))
    assert row["name"] == "Lamp\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"


def test_what_is_filtered_out_stays_out(admin, shop):
    names = [row["name"] for row in rows(export(admin, PRODUCTS, query="?is_active__exact=1"))]
    assert names == ["Lamp"]
    assert rows(export(admin, PRODUCTS, query="?q=nothing")) == []


def test_what_was_selected_is_exported_and_all_of_a_list_is_its_filter(admin, shop):
    hidden = Product.objects.get(name="Hidden")
    chosen = {"action": "export_selected", "_selected_action": str(hidden.pk)}
    page = admin.post(PRODUCTS, chosen)
    assert page.status_code == 200
    assert f'name="export_items" value="{hidden.pk}"' in page.content.decode()
    [row] = rows(export(admin, PRODUCTS, export_items=str(hidden.pk)))
    assert row["name"] == "Hidden"
    all_of_it = admin.post(f"{PRODUCTS}?is_active__exact=1", chosen | {"select_across": "1"})
    assert all_of_it["Location"] == f"{PRODUCTS}export/?is_active__exact=1"


def test_a_grant_exports_what_was_granted_and_no_more(acme, admin, shop):
    settings = PortalSettings.objects.get()
    settings.catalogue_readers = "granted"
    settings.store()
    lamp, hidden = Product.objects.get(name="Lamp"), Product.objects.get(name="Hidden")
    clerk = User.objects.create_member("clerk@x.example", PASSWORD, role="customer")
    door = Role.objects.create(name="Door", rank=10)
    door.permissions.add(Permission.objects.get(codename="open_admin"))
    clerk.groups.add(door)
    session = Admin(acme.primary_host, clerk)
    assert export(session, PRODUCTS).status_code == 403
    owner = User.objects.get(email="owner@acme.example")
    give_grants(acting=owner, to=[clerk], objects=[lamp], codenames=["change_product"])
    assert [row["name"] for row in rows(export(session, PRODUCTS))] == ["Lamp"]
    both = [str(lamp.pk), str(hidden.pk)]
    assert [r["name"] for r in rows(export(session, PRODUCTS, export_items=both))] == ["Lamp"]
    assert len(rows(export(admin, PRODUCTS, export_items=both))) == 2


def test_nobody_exports_what_they_cannot_see(as_role, acme, shop):
    clerk = as_role("customer")
    for path in COLUMNS:
        assert export(clerk, path).status_code == 302, "the admin does not open for them"
    staff = as_role("staff")
    assert [row["number"] for row in rows(export(staff, ORDERS))] == [1001]


@pytest.mark.parametrize("keys", ["x", "01020304", "\ud7ff"])
def test_impossible_keys_export_nothing(admin, shop, keys):
    answer = export(admin, PRODUCTS, export_items=keys)
    assert (answer.status_code, "Content-Disposition" in answer) == (200, False)


def test_no_column_and_no_format_are_errors_of_the_form(admin, shop):
    assert b"at least 1 field" in admin.post(f"{PRODUCTS}export/", {"format": "0"}).content
    assert b"This field is required" in export(admin, PRODUCTS, format="").content
    assert b"Select a valid choice" in export(admin, PRODUCTS, format="9").content


@pytest.mark.parametrize("path", COLUMNS)
@pytest.mark.parametrize("kind", FORMATS)
def test_many_rows_ask_as_many_queries_as_few(admin, shop, path, kind):
    def queries() -> int:
        return count_queries(lambda: rows(export(admin, path, kind)))

    few = queries()
    user = User.objects.get(email="owner@acme.example")
    for number in range(20):
        shelf = Category.objects.create(name=f"c{number}", slug=f"c{number}")
        place_order(user=user, items=[(product(stock=5, category=shelf).pk, 1)])
    assert queries() == few


def test_the_list_offers_the_export_as_it_is_filtered(admin, shop):
    page = admin.get(f"{PRODUCTS}?is_active__exact=1").content.decode()
    assert f'href="{PRODUCTS}export/?is_active__exact=1"' in page
    assert "export_selected" in page


def test_a_portal_that_is_read_only_can_be_exported(portal):
    tenant = portal()
    with tenant_scope(tenant):
        session = Admin(tenant.primary_host, User.objects.get())
        product()
    with public_scope():
        Tenant.objects.get(pk=tenant.id).fall_past_due(grace=timedelta(seconds=-1))
    time.sleep(POLL_SECONDS)
    assert [row["name"] for row in rows(export(session, PRODUCTS))] == ["Lamp"]
    assert session.post(f"{PRODUCTS}add/", {"name": "x"}).status_code == 402
