"""Filters that guess nothing."""

import django_filters
from django import forms


class TrueOrFalse(forms.Field):
    """The text `true` or `false`; anything else is a mistake, and not "whichever"."""

    default_error_messages = {"invalid": "This is true or false."}

    def to_python(self, value: str | None) -> bool | None:
        """Return what the text says; None if there is none."""
        if value is None:
            return None
        if value.lower() not in ("true", "false"):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return value.lower() == "true"


class TrueOrFalseFilter(django_filters.BooleanFilter):
    """``?name=true`` or ``?name=false``."""

    field_class = TrueOrFalse

    def __init__(self, field_name: str) -> None:
        super().__init__(field_name, widget=forms.TextInput)
