from datetime import UTC, date, datetime, time
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from shared_apps.tenants.api import StrictSerializer

from .figures import LIMITS, end_of, this_period, usage_in

MONTH = r"^20[0-9]{2}-(0[1-9]|1[0-2])$"


class MeasureSerializer(serializers.Serializer[Any]):
    name = serializers.ChoiceField(choices=list(LIMITS))
    used = serializers.IntegerField(min_value=0, help_text="Of storage, bytes.")
    limit = serializers.IntegerField(allow_null=True, help_text="Null: there is none.")
    share = serializers.FloatField(
        allow_null=True, help_text="Of the limit: 1 is all of it. Null without a limit."
    )


class UsageSerializer(serializers.Serializer[Any]):
    start = serializers.DateTimeField()
    end = serializers.DateTimeField(help_text="When the next month begins.")
    measures = MeasureSerializer(many=True)


class PeriodSerializer(StrictSerializer):
    period = serializers.RegexField(
        MONTH, required=False, help_text="A month (UTC), as 2026-10; this one if left out."
    )

    def validate_period(self, value: str) -> date:
        """Read the month; what is to come has no use yet."""
        period = date.fromisoformat(f"{value}-01")
        if period > this_period():
            raise serializers.ValidationError(_("This month is yet to come."), code="to_come")
        return period


def usage_of(period: date) -> dict[str, Any]:
    """Return what ``/api/usage/`` answers for a month."""
    start, end = (datetime.combine(day, time(), UTC) for day in (period, end_of(period)))
    usage = {"start": start, "end": end, "measures": usage_in(period)}
    return UsageSerializer(usage).data
