from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import serializers

from shared_apps.plans.catalogue import PLANS
from shared_apps.plans.models import Plan
from shared_apps.tenants.api import StrictSerializer

from ..models import Dunning, Interval, SubscriptionStatus
from .paying import plan_on_offer

CODES = [plan["code"] for plan in PLANS]
# How old the moment may be that a preview was made for, and how far clocks differ.
_PREVIEWED, _AHEAD = timedelta(hours=1), timedelta(minutes=1)


class OfferSerializer(serializers.Serializer[Any]):
    plan = serializers.ChoiceField(CODES)
    name = serializers.CharField()
    interval = serializers.ChoiceField(Interval.choices)
    price = serializers.DecimalField(10, 2)
    currency = serializers.CharField()


class BillingSerializer(serializers.Serializer[Any]):
    plan = serializers.CharField(help_text="Its code.")
    plan_name = serializers.CharField()
    interval = serializers.ChoiceField(Interval.choices)
    status = serializers.ChoiceField(SubscriptionStatus.choices)
    is_charged = serializers.BooleanField(help_text="Whether there is a subscription at Stripe.")
    trial_ends_at = serializers.DateTimeField(allow_null=True)
    period_ends_at = serializers.DateTimeField(allow_null=True)
    cancels_at_period_end = serializers.BooleanField()
    dunning = serializers.ChoiceField(
        [choice for choice in Dunning.choices if choice[0]],
        allow_null=True,
        help_text="How far it has come because something is not paid; null: all is.",
    )
    read_only_from = serializers.DateTimeField(
        allow_null=True, help_text="When the portal can only be read, unless it is paid for."
    )
    takes_payments = serializers.BooleanField(help_text="Whether plans are paid for here at all.")
    offers = OfferSerializer(many=True)


class ChoiceSerializer(StrictSerializer):
    """A plan on offer, and by which interval it is paid."""

    plan = serializers.ChoiceField(CODES)
    interval = serializers.ChoiceField(Interval.choices, default=Interval.MONTH)

    def validate_plan(self, value: str) -> Plan:
        """Take what is on offer."""
        if plan := plan_on_offer(value):
            return plan
        raise serializers.ValidationError(_("This plan is not on offer."), code="does_not_exist")


class ChangeSerializer(ChoiceSerializer):
    prorated_at = serializers.DateTimeField(
        required=False,
        help_text="As a preview of the last hour told it, for the same price; now if left out.",
    )

    def validate_prorated_at(self, value: datetime) -> datetime:
        """Take the moment of a preview."""
        if not -_PREVIEWED < value - timezone.now() < _AHEAD:
            text = _("This preview is too old. Please ask for it again.")
            raise serializers.ValidationError(text, code="too_old")
        return value


class LineSerializer(serializers.Serializer[Any]):
    text = serializers.CharField()
    amount = serializers.DecimalField(12, 2)


class PreviewSerializer(serializers.Serializer[Any]):
    plan = serializers.ChoiceField(CODES)
    interval = serializers.ChoiceField(Interval.choices)
    due = serializers.DecimalField(12, 2, help_text="What is charged at once.")
    credit = serializers.DecimalField(
        12, 2, help_text="What is given back: kept for the next invoices."
    )
    currency = serializers.CharField()
    lines = LineSerializer(many=True)
    takes_effect_at = serializers.DateTimeField(allow_null=True, help_text="Null: at once.")
    needs_checkout = serializers.BooleanField(help_text="It begins with Checkout.")
    prorated_at = serializers.DateTimeField(help_text="To be sent with the change.")


class LinkSerializer(serializers.Serializer[Any]):
    url = serializers.URLField(help_text="A page of Stripe's; good for a short time.")


class InvoiceSerializer(serializers.Serializer[Any]):
    number = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(["draft", "open", "paid", "uncollectible", "void"])
    total = serializers.DecimalField(12, 2)
    currency = serializers.CharField()
    created_at = serializers.DateTimeField()
    url = serializers.CharField(allow_blank=True, help_text="Its page at Stripe.")
    pdf = serializers.CharField(allow_blank=True)


class InvoiceListSerializer(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = InvoiceSerializer(many=True)
