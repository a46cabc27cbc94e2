"""Export from the admin: the rows a person may see, as CSV, XLSX or JSON."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import FETCH_RAISE, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from import_export.admin import ExportMixin
from import_export.fields import Field
from import_export.formats import base_formats
from import_export.resources import Resource
from import_export.widgets import Widget
from unfold.contrib.import_export.forms import SelectableFieldsExportForm

# Rows that are held as instances at one time; what was fetched along is fetched for so many.
CHUNK = 2000

# What a spreadsheet takes for the beginning of a formula; the wide forms are typed in Japanese.
_FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
# What XML, and so a workbook, cannot hold.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class _AsItIs(Widget):
    """Hand the value to the format, which knows what its cells can hold."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        """Return ``value``."""
        return value


def column(attribute: str) -> Field:
    """Return a column of a resource: the value at ``attribute`` (``category__slug``)."""
    return Field(attribute, widget=_AsItIs())


class Rows(Resource):
    """Base of the resources: reads in chunks, with what the queryset fetches along."""

    @classmethod
    def get_display_name(cls) -> str:
        """Return the name that the form shows."""
        return str(cls._meta.name)

    def iter_queryset(self, queryset: QuerySet[Any]) -> Iterator[Any]:
        """Yield the rows."""
        yield from queryset.iterator(chunk_size=CHUNK)


def cell(value: Any) -> Any:
    """Return what stands in a spreadsheet for ``value``; a text never begins a formula."""
    if isinstance(value, datetime):
        # Workbooks know no time zones; all times are UTC.
        return value.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    if isinstance(value, bool | int | float | Decimal):
        return value
    text = _text(value)
    return f"'{text}" if _FORMULA.match(text) else text


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _workbook_cell(value: Any) -> Any:
    kept = cell(value)
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", kept) if isinstance(kept, str) else kept


def _converted(dataset: Any, convert: Callable[[Any], Any]) -> Any:
    """Return ``dataset`` with every cell converted."""
    converted = type(dataset)(headers=dataset.headers)
    converted.extend([[convert(value) for value in row] for row in dataset])
    return converted


class SafeCSV(base_formats.CSV):
    """CSV in which no cell is a formula."""

    def export_data(self, dataset: Any, **kwargs: Any) -> Any:
        """Return the text."""
        return super().export_data(_converted(dataset, cell), **kwargs)


class SafeXLSX(base_formats.XLSX):
    """A workbook in which no cell is a formula, and none what XML cannot hold."""

    def export_data(self, dataset: Any, **kwargs: Any) -> Any:
        """Return the bytes."""
        return super().export_data(_converted(dataset, _workbook_cell), **kwargs)


class ExportAdmin(ExportMixin):
    """Mixin: a button that exports the list as it is filtered, an action for what is selected.

    What is exported is what ``get_queryset`` shows the person; reading is all it takes.
    """

    export_form_class = SelectableFieldsExportForm
    export_formats = (SafeCSV, SafeXLSX, base_formats.JSON)

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Ask whether the person may see the list."""
        return bool(self.has_view_permission(request))

    def get_export_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows as filtered; a fetch that was forgotten fails, instead of N times."""
        return super().get_export_queryset(request).fetch_mode(FETCH_RAISE)  # type: ignore[no-any-return]

    def get_valid_export_item_pks(self, request: HttpRequest) -> list[Any]:
        """Return the keys that were sent, if they are keys: the queryset says which may be seen."""
        key = self.model._meta.pk
        sent = []
        for text in request.POST.getlist("export_items"):
            with suppress(ValidationError):
                sent.append(key.to_python(text))
        return sent

    @admin.action(description=_("Export"), permissions=["export"])
    def export_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """Show the page that asks for the format; all rows of a list are its filter's."""
        options = self.model._meta
        url = reverse(f"admin:{options.app_label}_{options.model_name}_export")
        if request.POST.get("select_across") == "1":
            return HttpResponseRedirect(f"{url}?{request.GET.urlencode()}")
        chosen = [str(pk) for pk in queryset.values_list("pk", flat=True)]
        form = self.export_form_class(
            formats=self.get_export_formats(),
            resources=self.get_export_resource_classes(request),
            initial={"export_items": chosen},
        )
        context = self.init_request_context_data(request, form) | {"export_url": url}
        return TemplateResponse(request, [self.export_template_name], context)
