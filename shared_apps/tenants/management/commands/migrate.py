"""``manage.py migrate``: the whole installation, in this project's sense of the word."""

from typing import Any

from django.core.management import BaseCommand, CommandError

from shared_apps.tenants.autodetector import WithoutNames
from shared_apps.tenants.provisioning.fleet import migrate_fleet


class Command(BaseCommand):
    """Prepare the database and migrate public, the template and every tenant that lags."""

    help = __doc__
    requires_system_checks = ["models", "database"]
    autodetector = WithoutNames  # a system check of Django compares it

    def add_arguments(self, parser: Any) -> None:
        """Accept what callers of Django's command pass."""
        parser.add_argument("--noinput", "--no-input", action="store_false", dest="interactive")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run; exit 1 if a tenant failed."""
        say = self.stdout.write if options["verbosity"] > 0 else lambda line: None
        report = migrate_fleet(say)
        if report.failed:
            lines = [f"{schema}: {error}" for schema, error in report.failed.items()]
            raise CommandError("These tenants were not migrated:\n" + "\n".join(lines))
        say(f"Up to date; {len(report.migrated)} tenants migrated.")
