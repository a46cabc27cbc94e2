"""A migration that adds a model: the same ids and roles in tenants made before it and after it.

Played on a copy of the code with services of its own, as an installation lives through it.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from config.embedded import services
from tests.scratch import scratch_folder
from tests.stack.running import ROOT

MODEL = """

class Warranty(models.Model):
    name = models.CharField(max_length=20)

    class Meta:
        permissions = [("void_warranty", "Can void a warranty")]
"""
OPEN = """
from shared_apps.plans.models import Plan
from shared_apps.tenants.provisioning.pool import fill
from shared_apps.tenants.scope import public_scope
from billing.signing_up import sign_up
fill(2)
with public_scope():
    sign_up(subdomain="{name}", company="{name}", email="o@{name}.example",
            password="correct horse 9", plan=Plan.objects.get(code="free"))
"""
USE = """
from guardian.shortcuts import assign_perm
from tenant_apps.integrations.models import Job
from tenant_apps.products.models import Category
from tenant_apps.users.models import Role, User
from django.contrib.auth.models import Permission
own = Role.objects.create(name="Own", rank=50)
own.permissions.set(Permission.objects.filter(codename__in=["view_order", "delete_product"]))
customer = User.objects.create_member("c@x.example", None, role="customer")
assign_perm("change_category", customer, Category.objects.create(name="c", slug="c"))
assign_perm("view_job", customer, Job.objects.create(kind="x", filename="c"))
"""
TELL = """
import json
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from guardian.models import UserObjectPermission
from tenant_apps.products.models import Category
from tenant_apps.users.models import Role, User
try:
    from tenant_apps.products.models import Warranty
    Warranty.objects.create(name="w")
    warranties = Warranty.objects.count()
except ImportError:
    warranties = None
customer = User.objects.filter(email="c@x.example").first()
print(json.dumps({
    "types": list(ContentType.objects.order_by("pk").values_list("pk", "app_label", "model")),
    "permissions": list(Permission.objects.order_by("pk").values_list("pk", "codename")),
    "warranties": warranties,
    "granted": customer and customer.has_perm("change_category", Category.objects.get()),
    "object": customer and UserObjectPermission.objects.get().content_object.filename,
    "roles": {r.name: sorted(p.codename for p in r.permissions.all()) for r in Role.objects.all()},
}))
"""


class Installation:
    """A copy of the code and a database of its own."""

    def __init__(self, code: Path, environment: dict[str, str]) -> None:
        self.code = code
        self.environment = {**os.environ, **environment}

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.code,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def open(self, name: str) -> None:
        self.manage("shell", "--no-imports", "-c", OPEN.format(name=name))

    def ask(self, tenant: str, code: str) -> str:
        return self.manage("--tenant", tenant, "shell", "--no-imports", "-c", code)


@pytest.fixture
def installation():
    folder = scratch_folder("adding")
    try:
        for name in ("config", "shared_apps", "tenant_apps", "billing", "deploy"):
            shutil.copytree(ROOT / name, folder / name)
        shutil.copy(ROOT / "manage.py", folder)
        with services(folder / "data", durable=False) as environment:
            yield Installation(folder, environment)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_tenants_before_and_after_have_the_same_ids_and_built_in_roles(installation):
    installation.manage("migrate", "--verbosity", "0")
    installation.open("before")
    installation.ask("before", USE)
    old = json.loads(installation.ask("before", TELL))
    assert (old["warranties"], old["granted"], old["object"]) == (None, True, "c")

    models = installation.code / "tenant_apps" / "products" / "models.py"
    models.write_text(models.read_text() + MODEL)
    table = installation.code / "tenant_apps" / "users" / "built_in_roles.py"
    changed = table.read_text().replace('("orders.view_order"', '("products.void_warranty"', 1)
    table.write_text(changed)
    installation.manage("makemigrations", "products", "-n", "add_warranty")
    # One ready tenant of the pool is older than the migration, too, and is claimed after it.
    installation.manage("migrate", "--verbosity", "0")
    installation.open("pooled")
    installation.open("after")
    installation.open("later")

    told = {
        name: json.loads(installation.ask(name, TELL))
        for name in ("before", "pooled", "after", "later")
    }
    before = told["before"]
    assert (before["granted"], before["object"]) == (True, "c")
    assert {"warranty"} == {t[2] for t in before["types"]} - {t[2] for t in old["types"]}
    assert "void_warranty" in {p[1] for p in before["permissions"]}
    for one in told.values():
        assert one["types"] == before["types"]
        assert one["permissions"] == before["permissions"]
        assert one["warranties"] == 1
        for role in ("Owner", "Staff"):
            gained = set(one["roles"][role]) ^ set(old["roles"][role])
            assert gained == {"void_warranty", "view_order"}
        assert one["roles"]["Customer"] == []
    assert before["roles"]["Own"] == old["roles"]["Own"] == ["delete_product", "view_order"]
