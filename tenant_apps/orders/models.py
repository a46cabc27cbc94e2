from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from tenant_apps.history.recording import record
from tenant_apps.products.models import Product
from tenant_apps.users.roles.objects import PersonGrant, RoleGrant, granted

from .cart.models import CartItem

__all__ = ["CartItem"]  # found through this module


class OrderStatus(models.TextChoices):
    PENDING = "pending", _("Pending")
    PAID = "paid", _("Paid")
    SHIPPED = "shipped", _("Shipped")
    DELIVERED = "delivered", _("Delivered")
    CANCELLED = "cancelled", _("Cancelled")
    REFUNDED = "refunded", _("Refunded")


# target: the statuses it may be reached from
TRANSITIONS: dict[str, frozenset[str]] = {
    OrderStatus.PAID: frozenset({OrderStatus.PENDING}),
    OrderStatus.SHIPPED: frozenset({OrderStatus.PAID}),
    OrderStatus.DELIVERED: frozenset({OrderStatus.SHIPPED}),
    OrderStatus.CANCELLED: frozenset({OrderStatus.PENDING, OrderStatus.PAID}),
    OrderStatus.REFUNDED: frozenset({OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED}),
}


def _name(status: str) -> str:
    return str(OrderStatus(status).label).lower()


class IllegalTransition(ValueError):
    """An order cannot go from its present status to the one asked for."""


def _given(user: Any) -> Q:
    return granted(Order, user, "view_order", "change_order", "refund_order")


class OrderQuerySet(models.QuerySet["Order"]):
    def visible_to(self, user: Any) -> "OrderQuerySet":
        """Orders ``user`` may see: their own, those granted to them, or all with the permission."""
        if user.has_perm("orders.view_order"):
            return self
        return self.filter(Q(user_id=user.pk) | _given(user))

    def granted_to(self, user: Any) -> "OrderQuerySet":
        """Orders that were granted to ``user`` or to a role of theirs."""
        return self.filter(_given(user))

    def changeable_by(self, user: Any, deed: str = "change") -> "OrderQuerySet":
        """Orders ``user`` may take through their states (or refund), by role or by grant."""
        if user.has_perm(f"orders.{deed}_order"):
            return self
        return self.filter(granted(Order, user, f"{deed}_order"))

    def with_items(self) -> "OrderQuerySet":
        """Fetch the items along, in their order of lines."""
        return self.prefetch_related(
            models.Prefetch("items", OrderItem.objects.order_by("position"))
        )


class Order(models.Model):
    """What a person ordered, at the prices of that moment."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveIntegerField(_("number"), unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="orders", verbose_name=_("user")
    )
    status = models.CharField(
        _("status"), max_length=10, choices=OrderStatus, default=OrderStatus.PENDING, editable=False
    )
    total = models.DecimalField(_("total"), max_digits=18, decimal_places=2, editable=False)
    currency = models.CharField(_("currency"), max_length=3, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["-created_at", "-id"], name="order_newest")]
        constraints = [
            models.CheckConstraint(condition=Q(total__gte=0), name="order_total_not_negative"),
            models.CheckConstraint(
                condition=Q(status__in=OrderStatus.values), name="order_status_is_known"
            ),
        ]
        permissions = [("refund_order", "Can refund an order")]

    def __str__(self) -> str:
        return _("Order %(number)s") % {"number": self.number}

    def keep_items(self, items: list["OrderItem"]) -> None:
        """Keep what was just written, as if :meth:`OrderQuerySet.with_items` had fetched it."""
        rows: Any = self.items.all()
        rows._result_cache = items
        self._prefetched_objects_cache = {"items": rows}

    def may_move_to(self, status: str) -> bool:
        """Whether the order, as it was read, can become ``status``."""
        return self.status in TRANSITIONS.get(status, frozenset())

    def move_to(self, status: str, *, only_from: Iterable[str] = OrderStatus.values) -> None:
        """Go to ``status`` if the order may; a cancelled one gives its stock back.

        ``only_from`` narrows what it may come from to what the caller is allowed.

        Raises:
            IllegalTransition: it may not, or somebody else was faster.

        """
        with transaction.atomic():
            sources = TRANSITIONS.get(status, frozenset()) & set(only_from)
            here = type(self).objects.filter(pk=self.pk, status__in=sources)
            before = here.select_for_update().values_list("status", flat=True).first()
            if before is None:
                raise IllegalTransition(
                    _("An order that is %(now)s cannot become %(status)s.")
                    % {"now": _name(self.status), "status": _name(status)}
                )
            here.update(status=status, updated_at=Now())
            record(self, status=(before, status))
            if status == OrderStatus.CANCELLED:
                self._return_stock()
        self.status = status

    def _return_stock(self) -> None:
        # In primary-key order, as placing takes it, so that the two never deadlock.
        for item in self.items.exclude(product=None).order_by("product_id"):
            Product.objects.all().return_stock(item.product_id, item.quantity)


class OrderItem(models.Model):
    """One line of an order; name and price are snapshots."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.ForeignKey(
        Order, models.CASCADE, related_name="items", db_index=False, verbose_name=_("order")
    )
    position = models.PositiveSmallIntegerField(_("position"))
    product = models.ForeignKey(
        Product, models.SET_NULL, null=True, related_name="order_items", verbose_name=_("product")
    )
    product_name = models.CharField(_("product name"), max_length=255)
    unit_price = models.DecimalField(_("unit price"), max_digits=10, decimal_places=2)
    quantity = models.PositiveIntegerField(_("quantity"))
    line_total = models.GeneratedField(
        expression=F("unit_price") * F("quantity"),
        output_field=models.DecimalField(max_digits=14, decimal_places=2),
        db_persist=True,
        verbose_name=_("line total"),
    )

    class Meta:
        verbose_name = _("order item")
        verbose_name_plural = _("order items")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="order_item_position"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="order_item_quantity"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.product_name}"


class OrderCounter(models.Model):
    """The last order number given out; one row, made with the schema."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    last = models.PositiveIntegerField()

    def __str__(self) -> str:
        return str(self.last)


class OrderPersonGrant(PersonGrant):
    content_object = models.ForeignKey(Order, models.CASCADE, verbose_name=_("order"))


class OrderRoleGrant(RoleGrant):
    content_object = models.ForeignKey(Order, models.CASCADE, verbose_name=_("order"))
