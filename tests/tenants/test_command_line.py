"""Management commands run in the scope they are given, and without one in none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared_apps.tenants.scope import public_scope
from tenant_apps.users.models import User

ROOT = Path(__file__).resolve().parents[2]


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


PRINT = "from shared_apps.tenants import scope; print(scope.current_key())"
COUNT = "from tenant_apps.users.models import User; print(User.objects.count())"


def test_a_stock_command_without_a_scope_says_which_it_could_take(committed):
    done = manage("shell", "--no-imports", "-c", COUNT)
    assert done.returncode == 1
    assert "Use --tenant X, --public or --owner" in done.stderr


@pytest.mark.parametrize(("option", "key"), [("--public", "public"), ("--owner", "owner:public")])
def test_a_scope_can_be_named(committed, option, key):
    assert manage(option, "shell", "--no-imports", "-c", PRINT).stdout.strip() == key


def test_a_tenant_can_be_named_by_subdomain_host_schema_or_id(portal):
    tenant = portal()
    subdomain = tenant.primary_host.split(".")[0]
    for name in (subdomain, tenant.primary_host, tenant.schema_name, str(tenant.id)):
        done = manage("shell", "--no-imports", "-c", PRINT, "--tenant", name)
        assert done.stdout.strip() == f"tenant:{tenant.id}", done.stderr
    assert (
        manage(f"--tenant={subdomain}", "shell", "--no-imports", "-c", COUNT).stdout.strip() == "1"
    )


def test_an_unknown_tenant_is_an_error(committed):
    done = manage("shell", "-c", "1", "--tenant", "nobody-there")
    assert (done.returncode, done.stderr.strip()) == (
        1,
        "Error: There is no tenant 'nobody-there'.",
    )


def test_create_operator_makes_the_first_operator(committed):
    done = manage(
        "create_operator", "Root@Example.com", FREEHOLD_OPERATOR_PASSWORD="correct horse 9"
    )
    assert done.returncode == 0, done.stderr
    with public_scope():
        operator = User.objects.get(email="root@example.com")
    assert operator.is_superuser
    again = manage(
        "create_operator", "root@example.com", FREEHOLD_OPERATOR_PASSWORD="correct horse 9"
    )
    assert (again.returncode, "already an operator" in again.stderr) == (1, True)
    weak = manage("create_operator", "b@example.com", FREEHOLD_OPERATOR_PASSWORD="123")
    assert weak.returncode == 1
    bad = manage("create_operator", "nobody", FREEHOLD_OPERATOR_PASSWORD="correct horse 9")
    assert bad.returncode == 1


def test_makemigrations_needs_no_option_and_finds_nothing(committed):
    done = manage("makemigrations", "--check", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr


def test_import_catalog_takes_a_tenant(portal):
    tenant = portal()
    done = manage("import_catalog", "--tenant", tenant.schema_name, "deploy/demo/globex.csv")
    assert "11 created, 0 updated, 0 refused." in done.stdout, done.stderr
