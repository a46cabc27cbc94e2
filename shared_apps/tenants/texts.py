"""Texts that go into headers and titles."""

import unicodedata

from django.core.exceptions import ValidationError


def one_line(value: str) -> None:
    """Refuse line breaks and other control characters: a name becomes a mail's sender.

    Raises:
        ValidationError: there is one.

    """
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in value):
        raise ValidationError("Line breaks and control characters are not allowed.", code="control")
