"""``manage.py doctor``: say what is wrong in this installation, and what to do about it."""

import sys
from typing import Any

from django.core.management import BaseCommand

from shared_apps.tenants.diagnosis.examinations import Report, examine


class Command(BaseCommand):
    """Look at settings, services, schemas, roles and grants; exit 1 if there is an error."""

    help = __doc__
    requires_system_checks = []  # they are among what is told

    def handle(self, *args: Any, **options: Any) -> None:
        """Tell each examination as it is made."""
        levels: list[str] = []
        left_out = 0
        for report in examine():
            self._tell(report)
            levels += [finding.level for finding in report.findings]
            left_out += bool(report.not_made)
        errors, warnings = levels.count("error"), levels.count("warning")
        colour = self.style.ERROR if errors else self.style.SUCCESS
        self.stdout.write("")
        sums = f"Errors: {errors}. Warnings: {warnings}. Not made: {left_out}."
        self.stdout.write(colour(sums))
        if errors:
            sys.exit(1)

    def _tell(self, report: Report) -> None:
        if not report.findings and not report.not_made:
            self.stdout.write(f"{self.style.SUCCESS('ok      ')} {report.title}")
        for finding in report.findings:
            colour = self.style.ERROR if finding.level == "error" else self.style.WARNING
            self.stdout.write(
                f"{colour(f'{finding.level:8}')} {finding.subject}: {finding.problem}\n"
                f"         {finding.remedy}"
            )
        if report.not_made:
            self.stdout.write(f"{self.style.NOTICE('not made')} {report.title}: {report.not_made}")
