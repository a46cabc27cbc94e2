"""Passwords in bodies: one's own to prove who asks, and a new one."""

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

LONGEST = 1024

# As the documents tell it; the validators of the settings decide.
_NOT_ALL_DIGITS = r"^[^\x00]*[^0-9\x00][^\x00]*$"
_SOMETHING = r"^[^\x00]+$"


@extend_schema_field({"type": "string", "pattern": _NOT_ALL_DIGITS})
class NewPasswordField(serializers.CharField):
    """A password to be, asked of the password validators."""

    def __init__(self, **kwargs: Any) -> None:
        limits: dict[str, Any] = {"min_length": 10, "max_length": LONGEST}
        super().__init__(trim_whitespace=False, write_only=True, **limits, **kwargs)

    def run_validation(self, data: Any = empty) -> Any:
        """Return the password; a 400 says what is weak about it."""
        value = super().run_validation(data)
        try:
            validate_password(value)
        except ValidationError as error:
            raise serializers.ValidationError(error.messages, code="weak_password") from error
        return value


@extend_schema_field({"type": "string", "pattern": _SOMETHING})
class OwnPasswordField(serializers.CharField):
    """The password of who asks, so that a stolen token is not enough."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, write_only=True, max_length=LONGEST, **kwargs)

    def run_validation(self, data: Any = empty) -> Any:
        """Return the password; a 400 says that it is not theirs."""
        value = super().run_validation(data)
        if not self.context["request"].user.check_password(value):
            raise serializers.ValidationError(
                _("This is not your password."), code="wrong_password"
            )
        return value
