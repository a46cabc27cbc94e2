from django.apps import AppConfig


class ProductsConfig(AppConfig):
    name = "tenant_apps.products"
    verbose_name = "Catalogue"

    def ready(self) -> None:
        from tenant_apps.history.recording import track

        from .models import Category, Product

        track(Category)
        track(Product, without=["views"])
