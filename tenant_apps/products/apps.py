from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProductsConfig(AppConfig):
    name = "tenant_apps.products"
    verbose_name = _("Catalogue")

    def ready(self) -> None:
        from tenant_apps.history.recording import track

        from .models import Category, Product

        track(Category)
        track(Product, without=["views", "search"])
