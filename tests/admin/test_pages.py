"""The admin's pages of our own bring no script and no style that the policy would refuse."""

import re

import pytest

from tenant_apps.integrations.models import Job
from tenant_apps.orders.models import Order
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Product
from tenant_apps.users.models import User
from tests.api import Admin

# A script without an address that is not data; an attribute that is one; a style of an element.
REFUSED = re.compile(
    r'<script(?![^>]*(?:\bsrc=|type="application/json"))[^>]*>|\son[a-z]+=|(?<![-:\w])style="'
)


@pytest.fixture
def paths(acme) -> list[str]:
    lamp = Product.objects.create(name="Lamp", slug="lamp", price=1, stock=3)
    place_order(user=User.objects.get(), items=[(lamp.pk, 1)])
    job = Job.objects.create(
        kind="x", filename="f", refusals=[{"line": 1, "handle": "h", "reason": "r"}]
    )
    return [
        "",
        "products/product/import/",
        "products/product/export/",
        f"products/product/{lamp.pk}/history/",
        "integrations/job/",
        f"integrations/job/{job.pk}/change/",
        "history/change/",
        "users/user/why/?person=&permission=",
        "users/role/1/members/",
        "users/role/5/grant/",
    ]


def test_no_page_of_ours_needs_what_the_policy_refuses(admin: Admin, paths):
    for path in paths:
        page = admin.get(f"/admin/{path}")
        assert page.status_code == 200
        assert "'unsafe-inline'" not in _directive(page, "script-src")
        assert REFUSED.findall(page.content.decode()) == [], path
    for action in ("pay", "grant"):
        form = {"action": action, "_selected_action": str(Order.objects.get().pk)}
        page = admin.post("/admin/orders/order/", form)
        assert REFUSED.findall(page.content.decode()) == [], action


def _directive(page, name: str) -> str:
    policy = page["Content-Security-Policy"].split(";")
    return next(part for part in policy if part.strip().startswith(name))


def test_the_pattern_finds_what_it_is_for():
    for refused in ("<script>x</script>", '<p onclick="x">', '<p style="x">', '<script nonce="y">'):
        assert REFUSED.search(refused), refused
    for fine in ('<script src="/x.js">', '<script id="a" type="application/json">', ':style="x"'):
        assert not REFUSED.search(fine), fine
