"""What goes into a person's cart, and how it becomes an order."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import transaction

from tenant_apps.products.models import Product

from ..models import CartItem, Order
from ..placing import place_order
from ..sizes import MAX_ITEMS, MAX_QUANTITY


class CartEmpty(ValueError):
    """There is nothing in the cart to order; it may just have been ordered."""


class CartFull(ValueError):
    """The cart holds no more."""


class PriceChanged(ValueError):
    """The cart costs something else than its owner was shown."""


@dataclass(frozen=True, slots=True)
class Line:
    """A product in a cart, as it is now."""

    product: Product
    quantity: int
    is_on_sale: bool

    @property
    def total(self) -> Decimal:
        """What the line costs now."""
        return self.product.price * self.quantity

    @property
    def is_short(self) -> bool:
        """Whether there is less than that in stock."""
        return self.product.stock < self.quantity


def lines_of(user: Any) -> list[Line]:
    """Return what is in the cart; on sale is what ``user`` may see of it."""
    items = list(CartItem.objects.of(user).select_related("product"))
    keys = [item.product_id for item in items]
    on_sale = Product.objects.on_sale().visible_to(user).in_bulk(keys)
    return [Line(item.product, item.quantity, item.product_id in on_sale) for item in items]


def add(user: Any, product: UUID, quantity: int) -> None:
    """Put so many more of a product into the cart.

    Raises:
        Product.DoesNotExist: it is not on sale for ``user``.
        CartFull: that is more than a cart holds.

    """
    found = Product.objects.on_sale().visible_to(user).get(pk=product)
    with transaction.atomic():
        _lock(user)
        cart = {item.product_id: item for item in CartItem.objects.of(user)}
        item = cart.setdefault(found.pk, CartItem(user=user, product=found, quantity=0))
        item.quantity += quantity
        if item.quantity > MAX_QUANTITY or len(cart) > MAX_ITEMS:
            raise CartFull
        item.save()


def change(user: Any, product: UUID, quantity: int) -> None:
    """Let there be so many of a product in the cart; none takes it out.

    Raises:
        CartFull: that is more than a cart holds.

    """
    if quantity > MAX_QUANTITY:
        raise CartFull
    item = CartItem.objects.of(user).filter(product_id=product)
    item.update(quantity=quantity) if quantity else item.delete()


def order(user: Any, *, seen_total: Decimal) -> Order:
    """Place an order of what is in the cart, and empty it, in one transaction.

    Of two calls at once, as by a double click, one places the order and the other finds the
    cart empty.

    Raises:
        CartEmpty: there is nothing in it.
        PriceChanged: it does not cost ``seen_total`` any more.
        ProductGone, OutOfStock: as :func:`place_order`.

    """
    with transaction.atomic():
        _lock(user)
        cart = CartItem.objects.of(user)
        items = list(cart.values_list("product_id", "quantity"))
        if not items:
            raise CartEmpty
        placed = place_order(user=user, items=items)
        if placed.total != seen_total:
            raise PriceChanged
        cart.delete()
    return placed


def _lock(user: Any) -> None:
    """Let one thing at a time happen to a person's cart; what refers to them does not wait."""
    people = get_user_model().objects.select_for_update(no_key=True)
    people.values_list("pk").get(pk=user.pk)
