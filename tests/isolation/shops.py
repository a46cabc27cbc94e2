"""Two tenants whose every text names them, and what to ask of them."""

import random
from collections.abc import Callable, Sequence

from shared_apps.tenants.active import ActiveTenant
from shared_apps.tenants.scope import tenant_scope
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Category, Product
from tenant_apps.users.models import User
from tests.api import PASSWORD
from tests.isolation.traffic import CANARY, Ask, order_of
from tests.stack.running import Http


def open_shops(portal: Callable[[], ActiveTenant]) -> list[ActiveTenant]:
    """Return two tenants whose every text names them."""
    tenants = [portal(), portal()]
    for tenant in tenants:
        mark = CANARY + tenant.primary_host.partition(".")[0]
        with tenant_scope(tenant):
            User.objects.update(name=mark)
            shelf = Category.objects.create(name=f"Shelf {mark}", slug="shelf")
            Product.objects.bulk_create(
                Product(
                    name=f"{mark} {n}",
                    slug=f"p{n}",
                    price=1,
                    stock=10**6,
                    category=shelf,
                    description=mark,
                    attributes={"mark": mark},
                    tags=[mark],
                )
                for n in range(25)
            )
            user = User.objects.get()
            place_order(user=user, items=[(Product.objects.first().pk, 1)])
    return tenants


def asks_of(port: int, tenants: Sequence[ActiveTenant]) -> dict[str, Ask]:
    """Return, by host, what to ask next: lists, details, pages, people, orders placed and read."""

    def of(tenant: ActiveTenant) -> Ask:
        label = tenant.primary_host.partition(".")[0]
        token = Http(port, tenant.primary_host).signed_in(f"owner@{label}.example", PASSWORD).token
        with tenant_scope(tenant):
            products = [str(pk) for pk in Product.objects.values_list("pk", flat=True)]
        signed_in = {"Authorization": f"Bearer {token}"}

        def ask(dice: random.Random) -> tuple[str, str, bytes | None, dict[str, str]]:
            product = dice.choice(products)
            return dice.choice(
                [
                    ("GET", "/api/products/", None, {}),
                    ("GET", f"/api/products/{product}/", None, {}),
                    ("GET", "/api/products/?search=canary&ordering=price", None, signed_in),
                    ("GET", "/api/categories/", None, {}),
                    ("GET", "/", None, {}),
                    ("GET", "/api/me/", None, signed_in),
                    ("GET", "/api/orders/", None, signed_in),
                    ("POST", "/api/orders/", order_of(product), signed_in),
                ]
            )

        return ask

    return {tenant.primary_host: of(tenant) for tenant in tenants}
