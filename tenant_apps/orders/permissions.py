from typing import Any

from rest_framework import permissions
from rest_framework.request import Request
from rest_framework.views import APIView

from .models import OrderStatus


class MovesOrders(permissions.IsAuthenticated):
    """May take orders through their states."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask the role."""
        return bool(request.user.has_perm("orders.change_order"))


class RefundsOrders(permissions.IsAuthenticated):
    """May refund."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask the role."""
        return bool(request.user.has_perm("orders.refund_order"))


class CancelsOrder(permissions.IsAuthenticated):
    """May cancel: their own order while it is pending, any with the role."""

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        """Ask the order and the role."""
        own = obj.user_id == request.user.pk and obj.status == OrderStatus.PENDING
        return own or request.user.has_perm("orders.change_order")
