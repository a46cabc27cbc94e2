from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from rest_framework import serializers

from shared_apps.tenants.api import StrictModelSerializer
from shared_apps.tenants.json_objects import check_object

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
    category_name = serializers.CharField(
        source="category.name", read_only=True, default=None, allow_null=True
    )

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

    def validate_price(self, value: Decimal) -> Decimal:
        """Refuse a price of nothing."""
        if value <= 0:
            raise serializers.ValidationError("Price must be positive.", code="not_positive")
        return value

    def validate_attributes(self, value: Any) -> dict[str, Any]:
        """Accept an object of names and values only."""
        try:
            check_object(value)
        except ValidationError as error:
            raise serializers.ValidationError(error.messages, code=error.code) from error
        attributes: dict[str, Any] = value
        return attributes
