from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, permissions, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.tenants.conditional import ConditionalRequests
from shared_apps.tenants.filters import DeclaredFilters
from shared_apps.tenants.lists import DeclaredParameters, StableOrdering
from shared_apps.tenants.sparse import SparseAnswers
from tenant_apps.integrations.idempotency import TakesIdempotencyKey

from .models import Order, OrderStatus
from .permissions import CancelsOrder, MovesOrders, RefundsOrders
from .serializers import OrderSerializer, PlaceOrderSerializer


@extend_schema_view(
    list=extend_schema(summary="List orders: your own, or all with the permission"),
    retrieve=extend_schema(summary="Read an order"),
)
class OrderViewSet(
    TakesIdempotencyKey,
    ConditionalRequests,
    SparseAnswers,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Order],
):
    """Orders. An order that the caller may not see does not exist for them."""

    queryset = Order.objects.all()
    key_resource = "orders"
    serializer_class = OrderSerializer
    permission_classes = [permissions.IsAuthenticated]
    filter_backends = [DeclaredParameters, DeclaredFilters, StableOrdering]
    filterset_fields = ["status"]
    ordering_fields = ["created_at", "total", "number"]
    ordering = ["-created_at"]

    def get_queryset(self) -> QuerySet[Order]:
        """Return the orders the caller may see."""
        orders = Order.objects.visible_to(self.request.user)
        if self.shows("email"):
            orders = orders.select_related("user")
        return orders.with_items() if self.shows("items") else orders

    @extend_schema(
        operation_id="place_order",
        summary="Place an order",
        request=PlaceOrderSerializer,
        responses={201: OrderSerializer},
    )
    def create(self, request: Request) -> Response:
        """Place an order for the caller; prices and total are the server's."""
        serializer = PlaceOrderSerializer(data=request.data, context={"request": request})
        serializer.is_valid(raise_exception=True)
        # Their own: whether they may see it need not be asked.
        placed = serializer.save()
        return Response(self.get_serializer(placed).data, status.HTTP_201_CREATED)

    def _move(self, target: str, only_from: Iterable[str] = OrderStatus.values) -> Response:
        order = self.get_object()
        order.move_to(target, only_from=only_from)
        return Response(self.get_serializer(self.get_queryset().get(pk=order.pk)).data)

    @extend_schema(summary="Cancel an order; its stock goes back", request=None)
    @action(detail=True, methods=["post"], permission_classes=[CancelsOrder])
    def cancel(self, request: Request, pk: Any = None) -> Response:
        """Cancel one's own pending order, or any that is not shipped with the permission."""
        order = self.get_object()
        if Order.objects.changeable_by(request.user).filter(pk=order.pk).exists():
            return self._move(OrderStatus.CANCELLED)
        return self._move(OrderStatus.CANCELLED, only_from=[OrderStatus.PENDING])

    @extend_schema(summary="Mark an order as paid", request=None)
    @action(detail=True, methods=["post"], permission_classes=[MovesOrders])
    def pay(self, request: Request, pk: Any = None) -> Response:
        """Go from pending to paid."""
        return self._move(OrderStatus.PAID)

    @extend_schema(summary="Mark an order as shipped", request=None)
    @action(detail=True, methods=["post"], permission_classes=[MovesOrders])
    def ship(self, request: Request, pk: Any = None) -> Response:
        """Go from paid to shipped."""
        return self._move(OrderStatus.SHIPPED)

    @extend_schema(summary="Mark an order as delivered", request=None)
    @action(detail=True, methods=["post"], permission_classes=[MovesOrders])
    def deliver(self, request: Request, pk: Any = None) -> Response:
        """Go from shipped to delivered."""
        return self._move(OrderStatus.DELIVERED)

    @extend_schema(summary="Mark an order as refunded", request=None)
    @action(detail=True, methods=["post"], permission_classes=[RefundsOrders])
    def refund(self, request: Request, pk: Any = None) -> Response:
        """Go from paid, shipped or delivered to refunded."""
        return self._move(OrderStatus.REFUNDED)
