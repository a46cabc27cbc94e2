from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PlansConfig(AppConfig):
    name = "shared_apps.plans"
    verbose_name = _("Plans")
