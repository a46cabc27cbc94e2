from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IntegrationsConfig(AppConfig):
    name = "tenant_apps.integrations"
    verbose_name = _("Integrations")
