from typing import Any

from rest_framework import serializers

from shared_apps.tenants.api import StrictSerializer
from shared_apps.tenants.fast_reads import FastReads

from .models import Order, OrderItem
from .placing import place_order
from .sizes import MAX_ITEMS, MAX_QUANTITY


class OrderItemSerializer(FastReads, serializers.ModelSerializer[OrderItem]):
    line_total = serializers.DecimalField(max_digits=14, decimal_places=2)

    class Meta:
        model = OrderItem
        fields = ["product", "product_name", "quantity", "unit_price", "line_total"]
        read_only_fields = fields


class OrderSerializer(FastReads, serializers.ModelSerializer[Order]):
    items = OrderItemSerializer(many=True)
    email = serializers.EmailField(source="user.email")

    class Meta:
        model = Order
        fields = [
            *("id", "number", "status", "total", "currency", "email", "items"),
            *("created_at", "updated_at"),
        ]
        read_only_fields = fields


class OrderLineSerializer(StrictSerializer):
    product = serializers.UUIDField()
    quantity = serializers.IntegerField(min_value=1, max_value=MAX_QUANTITY)


class PlaceOrderSerializer(StrictSerializer):
    items = serializers.ListField(child=OrderLineSerializer(), min_length=1, max_length=MAX_ITEMS)

    def create(self, validated_data: dict[str, Any]) -> Order:
        """Place the order for the caller."""
        return place_order(
            user=self.context["request"].user,
            items=[(line["product"], line["quantity"]) for line in validated_data["items"]],
        )
