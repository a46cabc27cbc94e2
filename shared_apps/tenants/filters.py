"""Filters that guess nothing."""

from typing import Any

import django_filters
from django import forms
from django_filters.rest_framework import DjangoFilterBackend


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


class DeclaredFilters(DjangoFilterBackend):
    """The library's backend, at no cost where nothing is filtered."""

    def filter_queryset(self, request: Any, queryset: Any, view: Any) -> Any:
        """Return what the parameters leave."""
        filterset = self.get_filterset_class(view, queryset)
        if filterset is None or not set(filterset.base_filters) & set(request.query_params):
            return queryset
        return super().filter_queryset(request, queryset, view)
