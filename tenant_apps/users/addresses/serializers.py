from typing import Any

from rest_framework import serializers

from shared_apps.tenants.api import StrictSerializer

from ..passwords.fields import OwnPasswordField
from .changing import request_change


class ChangeEmailSerializer(StrictSerializer):
    email = serializers.EmailField(max_length=254)
    password = OwnPasswordField()

    def save(self, **kwargs: Any) -> None:
        """Queue the mails."""
        request_change(user=self.context["request"].user, email=self.validated_data["email"])
