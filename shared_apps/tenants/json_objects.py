"""JSON objects that PostgreSQL can keep."""

import math
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


def check_object(data: Any) -> None:
    """Refuse what is no JSON object, or what PostgreSQL cannot keep in one.

    Raises:
        ValidationError: the message says which.

    """
    if not isinstance(data, dict):
        raise ValidationError(_("Attributes must be an object."), code="not_object")
    waiting: list[Any] = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and "\x00" in value:
            raise ValidationError(_("A text holds a NUL character."), code="nul")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValidationError(_("A number is not finite."), code="not_finite")
        if isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value
