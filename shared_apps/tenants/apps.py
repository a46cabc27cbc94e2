from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "shared_apps.tenants"
    verbose_name = "Tenants"

    def ready(self) -> None:
        from . import content_types, stamps

        stamps.install()
        content_types.install()
