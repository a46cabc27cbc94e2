"""The mail that confirms an order."""

from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from tenant_apps.integrations.models import OutboxEntry
from tenant_apps.users.mailing import send_mail

from .models import Order


def send(entry: OutboxEntry) -> None:
    """Send the confirmation that an outbox entry asks for.

    An order that is gone needs none, and a program has no mailbox.
    """
    order = (
        Order.objects.select_related("user").with_items().filter(pk=entry.payload["order"]).first()
    )
    if order is None or order.user.is_service:
        return
    context: dict[str, Any] = {"order": order, "items": order.items.all()}
    send_mail(
        to=order.user.email,
        subject=format_lazy(_("Order {number} confirmed"), number=order.number),
        template="orders/confirmation",
        context=context,
        message_id=str(entry.pk),
    )
