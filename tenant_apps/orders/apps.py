from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "tenant_apps.orders"
    verbose_name = "Orders"

    def ready(self) -> None:
        from tenant_apps.history.recording import track

        from .models import Order

        track(Order)
