from typing import Any

from django.core.exceptions import ValidationError
from rest_framework import serializers
from rest_framework.fields import get_error_detail

from shared_apps.tenants.api import StrictModelSerializer
from shared_apps.tenants.fast_reads import FastReads

from .attribute_schema import check_attributes
from .fields import AttributeSchemaField, ImageUrlField, JsonObjectField, PriceField, SignedLink
from .models import Category, Product


class CategorySerializer(FastReads, StrictModelSerializer):
    attribute_schema = AttributeSchemaField(
        required=False, help_text="What attributes its products have; empty: any."
    )
    products_count = serializers.IntegerField(read_only=True)
    avg_price = serializers.DecimalField(
        max_digits=10, decimal_places=2, read_only=True, allow_null=True
    )

    class Meta:
        model = Category
        fields = ["id", "name", "slug", "attribute_schema", "products_count", "avg_price"]

    def create(self, validated_data: dict[str, Any]) -> Category:
        """Create the category and return it with its figures."""
        created = super().create(validated_data)
        return Category.objects.with_figures().get(pk=created.pk)


class VisibleCategory(serializers.PrimaryKeyRelatedField[Category]):
    """A category that the caller may see; another's id is an unknown one."""

    def get_queryset(self) -> Any:
        """Return the categories that can be named."""
        categories: Any = super().get_queryset()
        return categories.visible_to(self.context["request"].user)


class ProductSerializer(FastReads, StrictModelSerializer):
    price = PriceField()
    category = VisibleCategory(queryset=Category.objects.all(), allow_null=True, required=False)
    image_url = ImageUrlField(required=False)
    attributes = JsonObjectField(required=False)
    # No default beside it: the answer to a PATCH would leave the field out.
    category_name = serializers.CharField(source="category.name", read_only=True, allow_null=True)

    image = SignedLink(
        source="image_id",
        read_only=True,
        allow_null=True,
        help_text="A signed address of the product's picture, good for an hour; or null.",
    )

    class Meta:
        model = Product
        fields = [
            *("id", "name", "slug", "sku", "description", "price", "stock"),
            *("category", "category_name", "attributes", "tags", "image", "image_url"),
            *("is_active", "views", "created_at", "updated_at"),
        ]
        read_only_fields = ["views", "created_at", "updated_at"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Hold the attributes to the category's schema, if either is written."""
        product = self.instance or Product()
        category = attrs.get("category", product.category)
        is_moved = category != product.category
        if self.instance is None or is_moved or "attributes" in attrs:
            try:
                check_attributes(
                    attrs.get("attributes", product.attributes),
                    category.attribute_schema if category else {},
                )
            except ValidationError as error:
                raise serializers.ValidationError(
                    {"attributes": get_error_detail(error)}
                ) from error
        return attrs
