from django.apps import AppConfig


class UsersConfig(AppConfig):
    name = "tenant_apps.users"
    verbose_name = "People and roles"
