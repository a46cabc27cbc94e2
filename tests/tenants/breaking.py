"""Break an installation as the superuser may, and mend it again."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import psycopg

from config.embedded import DATABASE
from shared_apps.tenants.diagnosis.examinations import Find
from shared_apps.tenants.diagnosis.finding import Finding
from shared_apps.tenants.models import Tenant, TenantStatus
from shared_apps.tenants.provisioning.replay import close_tenants
from shared_apps.tenants.scope import public_scope


def superuser(statements: str, owner_url: str = "", database: str = DATABASE) -> None:
    """Run ``statements`` with all rights, one after the other."""
    url = owner_url or os.environ["OWNER_DATABASE_URL"]
    folder = parse_qs(urlsplit(url).query)["host"][0]
    place = f"host={folder} user=postgres dbname={database}"
    with psycopg.connect(place, autocommit=True) as session:
        for statement in filter(str.strip, statements.split(";")):
            session.execute(statement)


@contextmanager
def broken(breaking: str, mending: str) -> Iterator[None]:
    """Run ``breaking``, and ``mending`` whatever happens."""
    try:
        superuser(breaking)
        yield
    finally:
        superuser(mending)


def lines(findings: Iterable[Finding]) -> list[str]:
    """Return findings as a person reads them, without the remedy."""
    return [f"{f.level} {f.subject}: {f.problem}" for f in findings]


def told(find: Find, about: str) -> str:
    """Return what ``find`` tells that names ``about``."""
    return "\n".join(line for line in lines(find()) if about in line)


def drop(*tenants: UUID) -> None:
    """Close tenants, whatever they are, and drop their schemas."""
    with public_scope():
        for pk in tenants:
            Tenant.objects.get(pk=pk).change(status=TenantStatus.CLOSED)
    close_tenants()
