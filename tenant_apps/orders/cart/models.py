from typing import Any

from django.conf import settings
from django.db import models
from uuid_utils.compat import uuid7

from tenant_apps.products.models import Product

from ..sizes import MAX_QUANTITY


class CartQuerySet(models.QuerySet["CartItem"]):
    def of(self, user: Any) -> "CartQuerySet":
        """Return what ``user`` has put into their cart, in that order."""
        return self.filter(user_id=user.pk).order_by("id")


class CartItem(models.Model):
    """A product that a person may be about to order; of prices and stock it says nothing."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="cart", db_index=False
    )
    product = models.ForeignKey(Product, models.CASCADE, related_name="+")
    quantity = models.PositiveIntegerField()

    objects = CartQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "product"], name="cart_item_once"),
            models.CheckConstraint(
                condition=models.Q(quantity__gte=1, quantity__lte=MAX_QUANTITY),
                name="cart_item_quantity",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.product_id}"
