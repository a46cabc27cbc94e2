"""What the admin's forms write: only what was changed, and only what PostgreSQL can keep."""

from typing import Any

import orjson
from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from .api import narrow_fields
from .json_objects import check_object


class NarrowModelAdmin(ModelAdmin):
    """Writes the fields that were changed in the form, and no others.

    Between the page and its answer lie minutes: what else changed in the row meanwhile (the
    stock by an order, a status by a task) must stay.
    """

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Insert a new row; narrow the UPDATE of an old one."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        concrete = {field.name for field in obj._meta.concrete_fields}
        obj.save(update_fields=narrow_fields(obj, concrete & set(form.changed_data)))

    def get_changelist_formset(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Name the inputs of a list for those who do not see its columns."""
        formset: Any = super().get_changelist_formset(request, **kwargs)
        for name in self.list_editable:
            field = formset.form.base_fields[name]
            field.widget.attrs["aria-label"] = field.label
        return formset


class ObjectField(forms.JSONField):
    """A JSON object as the API takes it: strict, of names and values, without NUL."""

    def to_python(self, value: Any) -> Any:
        """Return the object, or say what is wrong with the text."""
        if self.disabled or not isinstance(value, str):
            return super().to_python(value)
        try:
            data = orjson.loads(value or "{}")
        except orjson.JSONDecodeError as error:
            raise ValidationError(_("This is not valid JSON."), code="invalid") from error
        check_object(data)
        return data

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Show a text that was refused as it was typed: to read it may be what is impossible."""
        return initial if self.disabled else InvalidJSONInput(data or "")


JSON_OBJECTS: dict[Any, dict[str, Any]] = {models.JSONField: {"form_class": ObjectField}}
