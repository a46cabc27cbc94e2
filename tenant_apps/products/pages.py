"""The portal's front page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from shared_apps.tenants.scope import active_tenant
from tenant_apps.users.models import CatalogueReaders

from .models import Product

PAGE = 24


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show the newest products, if the settings let this visitor read the catalogue."""
    settings = active_tenant().settings
    readable = (
        settings["catalogue_readers"] == CatalogueReaders.ANYONE or request.user.is_authenticated
    )
    products = Product.objects.on_sale().select_related("category")[:PAGE] if readable else []
    return render(
        request,
        "products/home.html",
        {"products": products, "readable": readable, "currency": settings["currency"]},
    )
