import django_filters
from django import forms
from drf_spectacular.utils import extend_schema_field

from shared_apps.tenants.filters import TrueOrFalseFilter
from shared_apps.tenants.lists import NO_NUL

from .models import Product

MAX_TAG = 50
_AMOUNT = r"^[0-9]{1,8}(?:\.[0-9]{1,2})?$"


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
