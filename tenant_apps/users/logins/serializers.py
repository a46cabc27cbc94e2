from rest_framework import serializers

from shared_apps.tenants.api import StrictModelSerializer

from ..models import RefreshFamily
from .current import login_of


class SessionSerializer(StrictModelSerializer):
    started_at = serializers.DateTimeField(source="created_at", read_only=True)
    last_used_at = serializers.DateTimeField(
        read_only=True, help_text="Within some minutes: when it was refreshed, or seen."
    )
    is_this = serializers.SerializerMethodField(help_text="Whether this request came with it.")

    class Meta:
        model = RefreshFamily
        fields = [
            *("id", "is_browser", "user_agent", "address"),
            *("started_at", "last_used_at", "expires_at", "is_this"),
        ]
        read_only_fields = fields

    def get_is_this(self, login: RefreshFamily) -> bool:
        """Compare with the request's own."""
        return login.pk == login_of(self.context["request"])
