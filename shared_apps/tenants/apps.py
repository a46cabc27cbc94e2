from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TenantsConfig(AppConfig):
    name = "shared_apps.tenants"
    verbose_name = _("Tenants")

    def ready(self) -> None:
        from . import checks, content_types, stamps

        del checks  # importing them registers them
        stamps.install()
        content_types.install()
