import django_filters

from .models import Product


class ProductFilter(django_filters.FilterSet):
    """The declared filters of the product list."""

    price_min = django_filters.NumberFilter(
        "price", "gte", label="Lowest price", max_digits=10, decimal_places=2
    )
    price_max = django_filters.NumberFilter(
        "price", "lte", label="Highest price", max_digits=10, decimal_places=2
    )
    tag = django_filters.CharFilter(
        "tags", "contains", label="Has this tag", method="with_tag", max_length=50
    )

    class Meta:
        model = Product
        fields = ["category", "is_active"]

    def with_tag(self, queryset: object, name: str, value: str) -> object:
        """Keep products that carry the tag."""
        return queryset.filter(tags__contains=[value])  # type: ignore[attr-defined]
