from django.core.management.commands import makemigrations

from shared_apps.tenants.autodetector import WithoutNames


class Command(makemigrations.Command):
    """Django's, but for names."""

    autodetector = WithoutNames
