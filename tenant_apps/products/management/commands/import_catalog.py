"""``manage.py import_catalog --tenant acme FILE``: import a Shopify product export."""

from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError

from tenant_apps.products.catalogue_import import FileTooLarge, check_file, import_catalogue
from tenant_apps.products.shopify import NotACatalogue


class Command(BaseCommand):
    """Print progress, then what was done; refused rows go to the error stream."""

    help = __doc__

    def add_arguments(self, parser: Any) -> None:
        """Take the file; ``--tenant`` is taken by manage.py itself."""
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, or say why not."""
        try:
            content = options["file"].read_bytes()
            check_file(content)
            progress = import_catalogue(
                content, lambda p: self.stdout.write(f"{p.rows_done} of {p.rows_total} rows")
            )
        except (OSError, FileTooLarge, NotACatalogue) as error:
            raise CommandError(str(error)) from error
        for refusal in progress.refusals:
            self.stderr.write(f"line {refusal['line']} ({refusal['handle']}): {refusal['reason']}")
        self.stdout.write(
            f"{progress.created} created, {progress.updated} updated, {progress.refused} refused."
        )
