from datetime import timedelta
from typing import Any

from rest_framework import serializers

from shared_apps.tenants.api import StrictSerializer

from ..models import ApiKey, Role
from .issuing import OVERLAP, issue, rotate
from .networks import an_ip_network
from .scopes import SCOPES

_HOUR = 3600


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    roles = serializers.SerializerMethodField(help_text="The names of its account's roles.")
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=SCOPES))

    class Meta:
        model = ApiKey
        fields = [
            *("id", "name", "user", "roles", "scopes", "addresses", "created_by"),
            *("created_at", "expires_at", "revoked_at", "last_used_at"),
        ]
        read_only_fields = fields

    def get_roles(self, key: ApiKey) -> list[str]:
        """Return the names."""
        return sorted(group.name for group in key.user.groups.all())


class IssuedKeySerializer(ApiKeySerializer):
    key = serializers.CharField(help_text="The key itself: shown here and never again.")

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySerializer.Meta.fields, "key"]
        read_only_fields = fields


class IssueKeySerializer(StrictSerializer):
    name = serializers.CharField(max_length=120)
    role = serializers.SlugRelatedField(
        slug_field="uuid", queryset=Role.objects.all(), help_text="A role within your reach."
    )
    scopes = serializers.MultipleChoiceField(choices=SCOPES, allow_empty=False)
    addresses = serializers.ListField(
        child=serializers.CharField(max_length=43, validators=[an_ip_network]),
        max_length=50,
        required=False,
        help_text="Addresses or networks (CIDR) it works from; none: from all.",
    )
    expires_in_days = serializers.IntegerField(
        min_value=1, max_value=3650, required=False, allow_null=True, help_text="None: never."
    )

    def create(self, validated_data: dict[str, Any]) -> ApiKey:
        """Make the account and its key, if the caller may."""
        days = validated_data.pop("expires_in_days", None)
        acting = self.context["request"].user
        lifetime = days and timedelta(days=days)
        return _with_text(issue(acting=acting, lifetime=lifetime, **validated_data))


class RotateKeySerializer(StrictSerializer):
    overlap_hours = serializers.IntegerField(
        min_value=0,
        max_value=168,
        default=int(OVERLAP.total_seconds()) // _HOUR,
        help_text="For so long the key before goes on.",
    )

    def create(self, validated_data: dict[str, Any]) -> ApiKey:
        """Make the next key, if the caller may."""
        overlap = timedelta(hours=validated_data["overlap_hours"])
        acting = self.context["request"].user
        return _with_text(rotate(acting=acting, key=self.context["key"], overlap=overlap))


def _with_text(made: tuple[ApiKey, str]) -> ApiKey:
    key, text = made
    key.key = text  # type: ignore[attr-defined]  # for the one answer that shows it
    return key
