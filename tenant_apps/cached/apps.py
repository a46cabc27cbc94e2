from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class CachedConfig(AppConfig):
    name = "tenant_apps.cached"

    def ready(self) -> None:
        from shared_apps.tenants.postgresql.writes import watch

        from .generations import renew

        autodiscover_modules("cached")
        watch.seal(renew)
