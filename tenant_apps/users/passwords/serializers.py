from typing import Any

from rest_framework import serializers

from shared_apps.tenants.api import StrictSerializer

from ..models import User
from .changing import change_password
from .fields import NewPasswordField, OwnPasswordField
from .resetting import request_reset, reset_password


class ChangePasswordSerializer(StrictSerializer):
    old = OwnPasswordField()
    new = NewPasswordField()

    def save(self, **kwargs: Any) -> None:
        """Change the caller's password."""
        user = self.context["request"].user
        change_password(user=user, new=self.validated_data["new"], **kwargs)


class RequestResetSerializer(StrictSerializer):
    email = serializers.EmailField(max_length=254)

    def save(self, **kwargs: Any) -> None:
        """Queue the mail."""
        request_reset(email=self.validated_data["email"])


class RequestedSerializer(serializers.Serializer[Any]):
    detail = serializers.CharField()


class ConfirmResetSerializer(StrictSerializer):
    token = serializers.CharField(max_length=500, help_text="The last part of the link.")
    password = NewPasswordField()

    def create(self, validated_data: dict[str, str]) -> User:
        """Give the person the password."""
        return reset_password(**validated_data)
