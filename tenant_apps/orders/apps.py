from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    name = "tenant_apps.orders"
    verbose_name = _("Orders")

    def ready(self) -> None:
        from tenant_apps.history.recording import track

        from .models import Order

        track(Order)
