from typing import Any

import django_filters
from django import forms
from django.db.models import BooleanField, F, Func, Q, Value
from drf_spectacular.utils import extend_schema_field
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request
from rest_framework.views import APIView

from shared_apps.tenants.filters import TrueOrFalseFilter
from shared_apps.tenants.lists import NO_NUL, Search, refuse

from .attribute_schema import NUMBERS, TYPES, values_of
from .models import Category, Product

MAX_TAG = 50
_AMOUNT = r"^[0-9]{1,8}(?:\.[0-9]{1,2})?$"
# What the parameters of :class:`AttributeFilters` begin with.
ATTRIBUTES = "attributes."
MAX_VALUE = 200
COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


@extend_schema_field({"type": "string", "format": "decimal", "pattern": _AMOUNT})
class AmountFilter(django_filters.CharFilter):
    """An amount of money, in digits; the framework's number takes "1e5" and other scripts."""

    field_class = forms.RegexField

    def __init__(self, field_name: str, lookup_expr: str, *, label: str) -> None:
        super().__init__(field_name, lookup_expr, label=label, regex=_AMOUNT, strip=False)


class ProductFilter(django_filters.FilterSet):
    """The declared filters of the product list."""

    price_min = AmountFilter("price", "gte", label="Lowest price")
    price_max = AmountFilter("price", "lte", label="Highest price")
    tag = django_filters.CharFilter(
        "tags",
        "contains",
        label="Has this tag",
        method="with_tag",
        max_length=MAX_TAG,
        strip=False,
    )
    is_active = TrueOrFalseFilter("is_active")

    class Meta:
        model = Product
        fields = ["category", "is_active"]

    @extend_schema_field(
        {"type": "string", "minLength": 1, "maxLength": MAX_TAG, "pattern": NO_NUL}
    )
    def with_tag(self, queryset: object, name: str, value: str) -> object:
        """Keep products that carry the tag."""
        return queryset.filter(tags__contains=[value])  # type: ignore[attr-defined]


class FullText(Search):
    """``?search=``, full text; what fits best comes first, unless another order is asked for."""

    description = (
        "Words, or their beginnings, of name and description; accents and small typing errors in"
        " the name do not matter. Without `ordering` what fits best comes first."
    )

    def filter_queryset(self, request: Request, queryset: Any, view: APIView) -> Any:
        """Return the products that are found, with their relevance."""
        terms = self.get_search_terms(request)
        return queryset.matching(" ".join(terms)) if terms else queryset


class AttributeFilters(BaseFilterBackend):
    """``?attributes.color=red``, ``?attributes.size__gte=3``: what categories declare, typed so.

    Values of an ``__in`` are separated by commas. A name that no category the caller sees
    declares is refused like any unknown parameter; where several declare it with different types,
    a value counts as each of them that it can be.
    """

    def filter_queryset(self, request: Request, queryset: Any, view: APIView) -> Any:
        """Return the products whose attributes are as asked for; raise a 400 for what is none."""
        asked = {name for name in request.query_params if name.startswith(ATTRIBUTES)}
        if not asked:
            return queryset
        categories = Category.objects.visible_to(request.user)
        schemas = list(categories.values_list("attribute_schema", flat=True))
        for parameter in asked:
            name, _, lookup = parameter.removeprefix(ATTRIBUTES).partition("__")
            declared = [schema[name] for schema in schemas if name in schema]
            for value in request.query_params.getlist(parameter):
                queryset = queryset.filter(_condition(parameter, name, lookup, value, declared))
        return queryset

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """Describe the parameters for the OpenAPI document: an object, exploded into them."""
        lookups = "|".join([*COMPARISONS, "in"])
        name = rf"^attributes\._?[a-z0-9]+(?:_[a-z0-9]+)*_?(?:__(?:{lookups}))?$"
        schema = {
            "type": "object",
            "propertyNames": {"pattern": name},
            "additionalProperties": {"type": "string", "pattern": NO_NUL, "maxLength": MAX_VALUE},
        }
        described = {"name": "attributes", "in": "query", "required": False, "schema": schema}
        description = (
            "Attributes that a category's schema declares: `attributes.color=red`,"
            " `attributes.color__in=red,blue`; for numbers also `attributes.size__gte=3`"
            " (`gt`, `gte`, `lt`, `lte`)."
        )
        # The first is what a docs page sends; without one it makes up names.
        examples = {
            "any": {"summary": "Of any", "value": {}},
            "red": {"summary": "Red ones", "value": {"attributes.color": "red"}},
        }
        return [
            described
            | {"description": description, "examples": examples, "style": "form", "explode": True}
        ]


def _condition(parameter: str, name: str, lookup: str, text: str, declared: list[Any]) -> Any:
    kinds = {each["type"] for each in declared}
    is_known = lookup in ("", "in") or (lookup in COMPARISONS and kinds & NUMBERS)
    if not kinds or not is_known or parameter.endswith("__"):
        raise refuse(parameter, "There is no such parameter.", code="unknown_attribute")
    if len(text) > MAX_VALUE:
        raise refuse(parameter, f"At most {MAX_VALUE} characters.")
    condition = Q()
    for part in text.split(",") if lookup == "in" else [text]:
        values = values_of(part, kinds & NUMBERS if lookup in COMPARISONS else kinds)
        if not values:
            called = ", or ".join(str(TYPES[kind]) for kind in sorted(kinds))
            raise refuse(parameter, f"This must be {called}.", code="unknown_attribute")
        for value in values:
            condition |= _compared(name, lookup, value)
    return condition


def _compared(name: str, lookup: str, value: Any) -> Any:
    if lookup not in COMPARISONS:
        return Q(attributes__contains={name: value})  # the index's own operator
    # A path compares numbers with numbers and leaves out what is none; `->` would order all kinds.
    path = Value(f'strict $."{name}" ? (@ {COMPARISONS[lookup]} {value})')
    return Q(
        Func(
            F("attributes"),
            path,
            template="jsonb_path_exists(%(expressions)s::jsonpath, silent => true)",
            output_field=BooleanField(),
        )
    )
