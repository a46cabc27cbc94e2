import django_filters

from .models import Product


class ProductFilter(django_filters.FilterSet):
    """The declared filters of the product list."""

    price_min = django_filters.NumberFilter("price", "gte", label="Lowest price")
    price_max = django_filters.NumberFilter("price", "lte", label="Highest price")
    tag = django_filters.CharFilter("tags", "contains", label="Has this tag", method="with_tag")

    class Meta:
        model = Product
        fields = ["category", "is_active"]

    def with_tag(self, queryset: object, name: str, value: str) -> object:
        """Keep products that carry the tag."""
        return queryset.filter(tags__contains=[value])  # type: ignore[attr-defined]
