from typing import Any

from rest_framework import serializers

from shared_apps.tenants.api import StrictModelSerializer

from .fields import ImageUrlField, JsonObjectField, PriceField
from .models import Category, Product


class CategorySerializer(StrictModelSerializer):
    products_count = serializers.IntegerField(read_only=True)
    avg_price = serializers.DecimalField(
        max_digits=10, decimal_places=2, read_only=True, allow_null=True
    )

    class Meta:
        model = Category
        fields = ["id", "name", "slug", "products_count", "avg_price"]

    def create(self, validated_data: dict[str, Any]) -> Category:
        """Create the category and return it with its figures."""
        created = super().create(validated_data)
        return Category.objects.with_figures().get(pk=created.pk)


class ProductSerializer(StrictModelSerializer):
    price = PriceField()
    image_url = ImageUrlField(required=False)
    attributes = JsonObjectField(required=False)
    # No default beside it: the answer to a PATCH would leave the field out.
    category_name = serializers.CharField(source="category.name", read_only=True, allow_null=True)

    image = serializers.URLField(
        source="picture_url",
        read_only=True,
        allow_null=True,
        help_text="A signed address of the product's picture, good for an hour; or null.",
    )

    def get_fields(self) -> dict[str, Any]:
        """Offer the categories that the caller may see, and no others."""
        fields: dict[str, Any] = super().get_fields()
        if request := self.context.get("request"):
            fields["category"].queryset = Category.objects.visible_to(request.user)
        return fields

    class Meta:
        model = Product
        fields = [
            *("id", "name", "slug", "sku", "description", "price", "stock"),
            *("category", "category_name", "attributes", "tags", "image", "image_url"),
            *("is_active", "views", "created_at", "updated_at"),
        ]
        read_only_fields = ["views", "created_at", "updated_at"]
