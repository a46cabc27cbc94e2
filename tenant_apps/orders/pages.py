"""The pages of one's own orders."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from tenant_apps.users.page_forms import by_button

from .models import IllegalTransition, Order, OrderStatus

PAGE = 20


def _own(request: HttpRequest) -> QuerySet[Order]:
    return Order.objects.filter(user=request.user.pk)


@login_required
@require_safe
def orders_page(request: HttpRequest) -> HttpResponse:
    """List what one has ordered, newest first."""
    page = Paginator(_own(request), PAGE).get_page(request.GET.get("page"))
    return render(request, "orders/orders.html", {"page": page})


@login_required
@require_safe
def order_page(request: HttpRequest, number: int) -> HttpResponse:
    """Show an order of one's own."""
    order: Any = get_object_or_404(_own(request).with_items(), number=number)  # type: ignore[attr-defined]  # ours
    context = {"order": order, "can_cancel": order.status == OrderStatus.PENDING}
    return render(request, "orders/order.html", context)


@login_required
@by_button(back_to="orders")
def cancel_order(request: HttpRequest, number: int) -> HttpResponse:
    """Cancel an order of one's own that is not paid; its stock goes back."""
    order = get_object_or_404(_own(request), number=number)
    try:
        order.move_to(OrderStatus.CANCELLED, only_from=[OrderStatus.PENDING])
    except IllegalTransition:
        messages.error(request, _("This order cannot be cancelled any more."))
    else:
        messages.success(request, _("The order is cancelled."))
    return redirect("order", number)
