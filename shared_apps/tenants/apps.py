from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "shared_apps.tenants"
    verbose_name = "Tenants"

    def ready(self) -> None:
        from . import checks, content_types, stamps

        del checks  # importing them registers them
        stamps.install()
        content_types.install()
