from typing import Any

from rest_framework import permissions
from rest_framework.request import Request
from rest_framework.views import APIView

from .models import Order, OrderStatus


class MovesOrders(permissions.IsAuthenticated):
    """May take the order through its states, by role or by grant."""

    deed = "change"

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        """Ask for this order."""
        return bool(Order.objects.changeable_by(request.user, self.deed).filter(pk=obj.pk).exists())


class RefundsOrders(MovesOrders):
    """May refund the order, by role or by grant."""

    deed = "refund"


class CancelsOrder(permissions.IsAuthenticated):
    """May cancel: their own order while it is pending, any with the role."""

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        """Ask the order and the role."""
        own = obj.user_id == request.user.pk and obj.status == OrderStatus.PENDING
        return own or MovesOrders().has_object_permission(request, view, obj)
