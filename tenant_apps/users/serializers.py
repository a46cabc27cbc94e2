from typing import Any

from django.contrib.auth import authenticate
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed

from shared_apps.tenants.api import StrictModelSerializer, StrictSerializer

from .logins.origin import origin_of
from .models import RefreshRefused, User
from .settling import check_may_be_here
from .tokens import LoginRefused, open_login, rotate_login


class TokenPairSerializer(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()


class LoginSerializer(StrictSerializer):
    email = serializers.EmailField()
    password = serializers.CharField(trim_whitespace=False, max_length=1024)

    def create(self, validated_data: dict[str, str]) -> dict[str, str]:
        """Return a new pair of tokens, or refuse without saying which part was wrong."""
        user = authenticate(
            self.context["request"],
            username=validated_data["email"],
            password=validated_data["password"],
        )
        try:
            if isinstance(user, User):
                check_may_be_here(user)
                return open_login(user, **origin_of(self.context["request"]))
        except LoginRefused:
            pass
        raise AuthenticationFailed("E-mail or password is wrong.", code="login_failed")


class RefreshSerializer(StrictSerializer):
    refresh = serializers.CharField(max_length=4096)

    def create(self, validated_data: dict[str, str]) -> dict[str, str]:
        """Return the next pair of tokens."""
        try:
            return rotate_login(validated_data["refresh"])
        except RefreshRefused as error:
            raise AuthenticationFailed(
                "This refresh token is not valid any more.", code="token_not_valid"
            ) from error


class MeSerializer(StrictModelSerializer):
    role = serializers.CharField(read_only=True, help_text="The highest role's code.")
    email_verified = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = ["id", "email", "name", "role", "email_verified", "created_at"]
        read_only_fields = ["id", "email", "created_at"]

    def get_email_verified(self, user: User) -> bool:
        """Tell whether the address was confirmed."""
        return user.email_verified_at is not None
