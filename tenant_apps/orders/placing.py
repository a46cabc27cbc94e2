"""Placing an order: all of it or nothing, at the prices of this moment."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from uuid_utils.compat import uuid7

from shared_apps.tenants.scope import active_tenant
from tenant_apps.integrations import outbox
from tenant_apps.products.models import Product, Taken, is_open_to

from .models import Order, OrderItem
from .numbering import next_number


class ProductGone(ValueError):
    """A product does not exist, or is not on sale."""


class OutOfStock(ValueError):
    """There is less of a product than was ordered."""


def place_order(*, user: Any, items: Iterable[tuple[UUID, int]]) -> Order:
    """Take the stock, write the order and queue its confirmation, in one transaction.

    ``items`` are product ids and quantities; the same product twice is added up. Total and
    prices are the server's.

    Raises:
        ProductGone: one is unknown or not on sale.
        OutOfStock: there is not enough of one.

    """
    quantities: Counter[UUID] = Counter()
    for product_id, quantity in items:
        quantities[product_id] += quantity
    with transaction.atomic():
        products = _take(quantities, user)
        key = uuid7()
        outbox.enqueue("orders.confirmation", {"order": str(key)})
        # The counter comes last of the locks, and as late as may be: every other order of the
        # tenant waits for it.
        order = Order.objects.create(
            pk=key,
            number=next_number(),
            user=user,
            total=sum((products[p].price * q for p, q in quantities.items()), Decimal(0)),
            currency=active_tenant().settings["currency"],
        )
        lines = OrderItem.objects.bulk_create(
            OrderItem(
                order=order,
                position=position,
                product_id=product_id,
                product_name=products[product_id].name,
                unit_price=products[product_id].price,
                quantity=quantity,
            )
            for position, (product_id, quantity) in enumerate(quantities.items(), start=1)
        )
        order.keep_items(lines)
    return order


def _take(quantities: Counter[UUID], user: Any) -> dict[UUID, Taken]:
    """Take the stock of what ``user`` may order; return what was taken, by its key."""
    if not is_open_to(user):
        _on_sale_to(user, quantities)
    taken = Product.objects.take_stock(quantities)
    if len(taken) < len(quantities):
        # What is on sale is locked by now: what is read here is why it was not taken.
        for product in _on_sale_to(user, quantities):
            if product.pk not in taken:
                raise OutOfStock(
                    _("There are only %(stock)s of %(product)s.")
                    % {"stock": product.stock, "product": product}
                )
    return taken


def _on_sale_to(user: Any, quantities: Counter[UUID]) -> list[Product]:
    on_sale = Product.objects.on_sale_to(user).filter(pk__in=list(quantities)).order_by("pk")
    found = {product.pk: product for product in on_sale}
    if gone := next((p for p in quantities if p not in found), None):
        raise ProductGone(_("Product %(product)s is not on sale.") % {"product": gone})
    return list(found.values())
