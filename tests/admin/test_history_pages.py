"""History on pages: behind the button of each object, and all of it for those who may."""

import pytest

from tenant_apps.history.models import Change
from tenant_apps.orders.models import Order
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Product
from tenant_apps.users.models import User
from tests.api import count_queries

OWNER = "owner@acme.example"


@pytest.fixture
def lamp(acme) -> Product:
    return Product.objects.create(name="Lamp", slug="lamp", price="2.50", stock=9)


@pytest.fixture
def order(lamp) -> Order:
    return place_order(user=User.objects.get(email=OWNER), items=[(lamp.pk, 2)])


def test_the_history_button_shows_who_when_field_old_and_new(admin, lamp):
    form = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": str(lamp.pk)}
    form |= {"form-0-price": "7.25", "form-0-is_active": "on", "_save": "Save"}
    admin.post("/admin/products/product/", form)
    Product.objects.create(name="Another", slug="another", price=1)
    page = admin.get(f"/admin/products/product/{lamp.pk}/change/").content.decode()
    path = f"/admin/products/product/{lamp.pk}/history/"
    assert f'href="{path}"' in page
    text = admin.get(path).content.decode()
    change = Change.objects.of(lamp)[0]
    for part in (
        *(OWNER, f"{change.timestamp:%Y-%m-%d %H:%M:%S}"),
        '>price</th><td class="break-words pr-4">2.50</td><td class="break-words">7.25</td>',
    ):
        assert part in text
    assert "Another" not in text


def test_values_are_escaped(admin, lamp):
    lamp.name = "<script>x</script>"
    lamp.save()
    for path in (f"products/product/{lamp.pk}/history/", f"history/change/?q={lamp.pk}"):
        text = admin.get(f"/admin/{path}").content.decode()
        assert "<script>x" not in text
        assert "&lt;script&gt;x" in text


def test_only_those_who_see_the_object_see_its_history(as_role, admin, lamp, order):
    staff = as_role("staff")
    assert staff.get(f"/admin/orders/order/{order.pk}/history/").status_code == 200
    owner = User.objects.get(email=OWNER)
    assert staff.get(f"/admin/users/user/{owner.pk}/history/").status_code == 403
    assert as_role("customer").get(f"/admin/products/product/{lamp.pk}/history/").status_code == 302
    nowhere = admin.get("/admin/products/product/01020304-0000-7000-8000-000000000000/history/")
    assert nowhere.status_code == 302


def test_all_changes_are_listed_also_of_what_is_gone_and_nobody_touches_them(admin, as_role, lamp):
    pk = lamp.pk
    lamp.delete()
    text = admin.get(f"/admin/history/change/?q={pk}&kind=products.product").content.decode()
    assert text.count("Lamp</td>") == 2
    assert "Lamp</td>" not in admin.get("/admin/history/change/?kind=users.role").content.decode()
    gone = Change.objects.filter(object_pk=str(pk)).first()
    path = f"/admin/history/change/{gone.pk}/"
    assert "2.50" in admin.get(f"{path}change/").content.decode()
    assert admin.post(f"{path}change/", {"object_repr": "x"}).status_code == 403
    assert admin.post(f"{path}delete/", {"post": "yes"}).status_code == 403
    assert admin.get("/admin/history/change/add/").status_code == 403
    assert as_role("manager").get("/admin/history/change/").status_code == 403
    assert Change.objects.filter(pk=gone.pk, object_repr="Lamp").exists()


def test_a_long_history_asks_as_many_queries_as_a_short_one_and_comes_in_pages(admin, lamp):
    path = f"/admin/products/product/{lamp.pk}/history/"
    few = count_queries(lambda: admin.get(path))
    for price in range(1, 60):
        lamp.price = price
        lamp.save()
    assert count_queries(lambda: admin.get(path)) == few
    first, second = (admin.get(f"{path}?p={number}").content.decode() for number in (1, 2))
    assert "Page 1 of 2" in first
    assert ">59</td>" in first
    assert ">59</td>" not in second
