from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class CachedConfig(AppConfig):
    name = "tenant_apps.cached"
    verbose_name = _("Cached queries")

    def ready(self) -> None:
        from shared_apps.tenants.postgresql.writes import watch

        from .generations import renew

        autodiscover_modules("cached")
        watch.seal(renew)
