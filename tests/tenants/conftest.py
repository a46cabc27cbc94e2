"""Tenants to break."""

from collections.abc import Iterator
from typing import Any

import pytest

from shared_apps.tenants.models import Tenant
from shared_apps.tenants.provisioning.replay import provision
from shared_apps.tenants.scope import public_scope
from tests.tenants.breaking import drop


@pytest.fixture(scope="module")
def pair(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[str, str]]:
    """Return the schemas of two tenants of the pool, made for this module and dropped after it.

    A portal that is opened meanwhile may claim them.
    """
    with django_db_blocker.unblock():
        pks = [provision(), provision()]
        with public_scope():
            schemas = [Tenant.objects.get(pk=pk).schema_name for pk in pks]
    yield schemas[0], schemas[1]
    with django_db_blocker.unblock():
        drop(*pks)
