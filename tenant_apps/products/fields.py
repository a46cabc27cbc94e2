"""Fields of the catalogue's bodies that are stricter than the framework's."""

import re
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.fields import get_error_detail

from shared_apps.tenants.json_objects import check_object
from tenant_apps.files.signed_links import signed_link

from .attribute_schema import check_schema

# From 0.01 to 99999999.99, as a text; no sign, no exponent, no spaces, no other script's digits.
PRICE_FORM = r"[1-9][0-9]{0,7}(?:\.[0-9]{1,2})?|0\.(?:0[1-9]|[1-9][0-9]?)"
# http or https, a host with a dot in it, and then only what RFC 3986 lets stand unencoded.
URL_FORM = (
    r"^https?://(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,6}[A-Za-z]{2,24}"
    r"(?::[0-9]{1,5})?(?:[/?#][!#-;=?-Z_a-z~\[\]]*)?$"
)
_PRICE = re.compile(PRICE_FORM)


class PriceField(serializers.DecimalField):
    """A price: a text, or a number of JSON."""

    default_error_messages = {
        "price": _("A price is from 0.01 to 99999999.99, with at most two decimals.")
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            max_digits=10,
            decimal_places=2,
            min_value=Decimal("0.01"),
            max_value=Decimal("99999999.99"),
            **kwargs,
        )

    def to_internal_value(self, data: Any) -> Decimal:
        """Return the price; a number is a double, and means the cents it is nearest to."""
        text = data
        if isinstance(data, int | float):
            is_within = float(self.min_value) <= data <= float(self.max_value)  # type: ignore[arg-type]  # given above
            cents = round(data * 100) if is_within else 0
            text = f"{cents // 100}.{cents % 100:02}" if abs(data * 100 - cents) < 1e-6 else ""
        if not isinstance(text, str) or not _PRICE.fullmatch(text):
            self.fail("price")
        return Decimal(text)


class ImageUrlField(serializers.URLField):
    """The address of a picture on the web, or empty."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=500, allow_blank=True, trim_whitespace=False, **kwargs)
        self.validators.append(RegexValidator(URL_FORM, "Enter a valid URL.", code="invalid"))


class SignedLink(serializers.URLField):
    """A signed address of a stored file, of which the model has the key."""

    def to_representation(self, value: Any) -> str:
        """Return the address."""
        return signed_link(value)


class JsonObjectField(serializers.JSONField):
    """An object of names and values."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the object, if PostgreSQL can keep it."""
        try:
            self.check(data)
        except ValidationError as error:
            raise serializers.ValidationError(get_error_detail(error)) from error
        kept: dict[str, Any] = data
        return kept

    def check(self, data: Any) -> None:
        """Refuse what cannot be taken."""
        check_object(data)


class AttributeSchemaField(JsonObjectField):
    """A category's attribute schema."""

    def check(self, data: Any) -> None:
        """Refuse what is no schema."""
        super().check(data)
        check_schema(data)
