from django.apps import AppConfig


class HistoryConfig(AppConfig):
    name = "tenant_apps.history"
    verbose_name = "History"
