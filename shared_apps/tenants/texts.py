"""Texts that go into headers and titles."""

import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

# What `one_line` lets through and is not blank, as a regular expression for documents.
_NO_CONTROL = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]"
ONE_LINE = rf"^{_NO_CONTROL}*[^\s\x00-\x1f\x7f-\x9f\u2028\u2029]{_NO_CONTROL}*$"


def one_line(value: str) -> None:
    """Refuse line breaks and other control characters: a name becomes a mail's sender.

    Raises:
        ValidationError: there is one.

    """
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in value):
        raise ValidationError(
            _("Line breaks and control characters are not allowed."), code="control"
        )
