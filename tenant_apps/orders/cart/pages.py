"""The page of one's cart."""

from django import forms
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from shared_apps.tenants.scope import active_tenant
from tenant_apps.products.models import Product

from ..placing import OutOfStock, ProductGone
from ..sizes import MAX_QUANTITY
from . import filling


class LineForm(forms.Form):
    """How many of a product."""

    product = forms.UUIDField()
    quantity = forms.IntegerField(min_value=0, max_value=MAX_QUANTITY)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def cart_page(request: HttpRequest) -> HttpResponse:
    """Show the cart; put something into it, change it, or order it, by the button pressed."""
    if not request.user.is_authenticated:
        # Back to the product, of somebody who was signed out meanwhile.
        return redirect_to_login(request.POST.get("next") or request.get_full_path())
    if "add" in request.POST:
        return _add(request)
    if "order" in request.POST:
        return _order(request)
    if request.method == "POST":
        return _change(request)
    return _show(request)


def _show(request: HttpRequest, status: int = 200) -> HttpResponse:
    lines = filling.lines_of(request.user)
    context = {
        "lines": lines,
        "total": filling.total_of(lines),
        "digest": filling.digest_of(lines),
        "most": MAX_QUANTITY,
        "can_order": all(line.is_on_sale and not line.is_short for line in lines),
        "currency": active_tenant().settings["currency"],
    }
    return render(request, "orders/cart.html", context, status=status)


def _refused(request: HttpRequest, why: str, status: int = 409) -> HttpResponse:
    messages.error(request, why)
    return _show(request, status)


def _how_many(least: int) -> str:
    said = _("Please say how many: a number from %(least)s to %(most)s.")
    return said % {"least": least, "most": MAX_QUANTITY}


def _add(request: HttpRequest) -> HttpResponse:
    form = LineForm(request.POST)
    if not form.is_valid() or not form.cleaned_data["quantity"]:
        return _refused(request, _how_many(1), 400)
    try:
        filling.add(request.user, **form.cleaned_data)
    except Product.DoesNotExist:
        return _refused(request, _("This product is not on sale."))
    except filling.CartFull:
        return _refused(request, _("The cart holds no more."))
    messages.success(request, _("It is in your cart."))
    return redirect("cart")


def _change(request: HttpRequest) -> HttpResponse:
    form = LineForm(request.POST)
    if not form.is_valid():
        return _refused(request, _how_many(0), 400)
    filling.change(request.user, **form.cleaned_data)
    return redirect("cart")


def _order(request: HttpRequest) -> HttpResponse:
    try:
        placed = filling.order(request.user, seen=request.POST.get("digest", ""))
    except filling.CartEmpty:
        messages.info(request, _("Your cart is empty; what you have ordered is here."))
        return redirect("orders")
    except (filling.CartChanged, ProductGone):
        why = _("Something in your cart, or its price, has changed. Please look again.")
        return _refused(request, why)
    except OutOfStock:
        return _refused(request, _("There is not enough of something in your cart."))
    messages.success(request, _("Thank you: your order is placed. A confirmation is on its way."))
    return redirect("order", placed.number)
