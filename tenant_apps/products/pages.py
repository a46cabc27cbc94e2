"""The portal's front page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from shared_apps.tenants.scope import active_tenant

from .models import Product, is_open_to

PAGE = 24


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show the newest products, if the settings let this visitor read the catalogue."""
    readable = request.user.is_authenticated or is_open_to(request.user)
    seen = Product.objects.on_sale().visible_to(request.user).select_related("category")
    products = seen[:PAGE] if readable else []
    currency = active_tenant().settings["currency"]
    return render(
        request,
        "products/home.html",
        {
            "products": products,
            "readable": readable,
            "currency": currency,
        },
    )
