"""``manage.py load_demo``: two tenants with people and a catalogue, for development."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand

from billing.signing_up import sign_up
from shared_apps.plans.models import Plan
from shared_apps.tenants.lookup import find_tenant
from shared_apps.tenants.scope import public_scope, tenant_scope
from shared_apps.tenants.subdomains import is_taken
from tenant_apps.products.catalogue_import import import_catalogue
from tenant_apps.users.models import User

PASSWORD = "freehold-demo-1"  # noqa: S105  # printed by `make run`, protects nothing
DEMO = {"acme": "Acme Outfitters", "globex": "Globex Hardware"}


class Command(BaseCommand):
    """Sign up what is missing; leave what is there alone."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the demo tenants."""
        for subdomain, company in DEMO.items():
            with public_scope():
                if is_taken(subdomain):
                    continue
                sign_up(
                    subdomain=subdomain,
                    company=company,
                    email=f"owner@{subdomain}.example",
                    password=PASSWORD,
                    plan=Plan.objects.get(code="team"),
                )
            with tenant_scope(find_tenant(subdomain)):
                User.objects.create_member(
                    f"customer@{subdomain}.example", PASSWORD, role="customer"
                )
                catalogue = Path(settings.BASE_DIR, "deploy", "demo", f"{subdomain}.csv")
                done = import_catalogue(catalogue.read_bytes())
            self.stdout.write(f"{company}: {done.created} products.")
