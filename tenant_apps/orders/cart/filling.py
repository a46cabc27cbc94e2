"""What goes into a person's cart, and how it becomes an order."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.translation import gettext as _

from shared_apps.tenants.scope import active_tenant
from tenant_apps.products.models import Product

from ..models import CartItem, Order
from ..placing import place_order
from ..sizes import MAX_ITEMS, MAX_QUANTITY


class CartEmpty(ValueError):
    """There is nothing in the cart to order; it may just have been ordered."""


class CartFull(ValueError):
    """The cart holds no more."""


class CartChanged(ValueError):
    """The cart holds something else than its owner was shown, or at another price."""


@dataclass(frozen=True, slots=True)
class Line:
    """A product in a cart, as it is now; of what is not on sale nothing is told."""

    product: Product
    quantity: int
    is_on_sale: bool

    @property
    def name(self) -> str:
        """What the line is called."""
        return self.product.name if self.is_on_sale else _("A product that is no longer on sale")

    @property
    def total(self) -> Decimal:
        """What the line costs now."""
        return self.product.price * self.quantity if self.is_on_sale else Decimal(0)

    @property
    def is_short(self) -> bool:
        """Whether there is less than that in stock."""
        return self.is_on_sale and self.product.stock < self.quantity


def lines_of(user: Any) -> list[Line]:
    """Return what is in the cart; on sale is what ``user`` may see of it."""
    items = list(CartItem.objects.of(user).select_related("product").defer("product__search"))
    keys = [item.product_id for item in items]
    on_sale = Product.objects.on_sale_to(user).in_bulk(keys)
    return [Line(item.product, item.quantity, item.product_id in on_sale) for item in items]


def total_of(lines: Iterable[Line]) -> Decimal:
    """Return what ``lines`` cost."""
    return sum((line.total for line in lines), Decimal(0))


def digest_of(lines: Iterable[Line]) -> str:
    """Return what stands for ``lines``: what they are, how many, and for how much money."""
    told = [f"{line.product.pk} {line.quantity} {line.total}" for line in lines]
    return sha256("|".join([_currency(), *told]).encode()).hexdigest()


def add(user: Any, product: UUID, quantity: int) -> None:
    """Put so many more of a product into the cart.

    Raises:
        Product.DoesNotExist: it is not on sale for ``user``.
        CartFull: that is more than a cart holds.

    """
    found = Product.objects.on_sale_to(user).get(pk=product)
    with transaction.atomic():
        _lock(user)
        cart = {item.product_id: item for item in CartItem.objects.of(user)}
        item = cart.setdefault(found.pk, CartItem(user=user, product=found, quantity=0))
        item.quantity += quantity
        if item.quantity > MAX_QUANTITY or len(cart) > MAX_ITEMS:
            raise CartFull
        item.save()


def change(user: Any, product: UUID, quantity: int) -> None:
    """Let there be so many of a product in the cart; none takes it out."""
    item = CartItem.objects.of(user).filter(product_id=product)
    item.update(quantity=quantity) if quantity else item.delete()


def order(user: Any, *, seen: str) -> Order:
    """Place an order of what is in the cart, and empty it, in one transaction.

    ``seen`` is the :func:`digest_of` what its owner was shown. Of two calls at once, as by a
    double click, one places the order and the other finds the cart empty.

    Raises:
        CartEmpty: there is nothing in it.
        CartChanged: it is not as it was seen.
        ProductGone, OutOfStock: as :func:`place_order`.

    """
    with transaction.atomic():
        _lock(user)
        lines = lines_of(user)
        if not lines:
            raise CartEmpty
        if digest_of(lines) != seen:
            raise CartChanged
        placed = place_order(user=user, items=[(line.product.pk, line.quantity) for line in lines])
        # A price may have changed since the lines were read, as long as no stock was taken.
        if (placed.total, placed.currency) != (total_of(lines), _currency()):
            raise CartChanged
        CartItem.objects.of(user).delete()
    return placed


def _currency() -> str:
    return str(active_tenant().settings["currency"])


def _lock(user: Any) -> None:
    """Let one thing at a time happen to a person's cart; what refers to them does not wait."""
    people = get_user_model().objects.select_for_update(no_key=True)
    people.values_list("pk").get(pk=user.pk)
