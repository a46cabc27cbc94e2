"""People in front of a portal's pages."""

from collections.abc import Callable

import pytest

from shared_apps.tenants.active import ActiveTenant
from tenant_apps.products.models import Product
from tenant_apps.users.models import User
from tests.api import PASSWORD, Admin


@pytest.fixture
def customer(acme: ActiveTenant) -> Admin:
    """Return the session of a customer of acme's."""
    user = User.objects.create_member("cora@x.example", PASSWORD, role="customer", name="Cora")
    return Admin(acme.primary_host, user)


@pytest.fixture
def product(acme: ActiveTenant) -> Callable[..., Product]:
    """Return a function that adds a product to acme's catalogue."""

    def add(slug: str = "lamp", price: str = "10.00", stock: int = 5, **values: object) -> Product:
        values = {"name": slug.title(), **values}
        return Product.objects.create(slug=slug, price=price, stock=stock, **values)

    return add
