"""Schemas, roles and tenants that have lost what they belong to."""

from collections.abc import Iterator

from django.db.models import Count, Q

from .. import scope
from ..models import Tenant, TenantStatus
from . import catalogue
from .finding import Finding, error, warning

# A role is the whole cluster's: one that another database refers to is that one's.
_ROLES = """
SELECT rolname FROM pg_roles r WHERE rolname ~ %s
    AND NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = rolname)
    AND NOT EXISTS (SELECT FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass
        AND refobjid = r.oid AND dbid NOT IN
        (0, (SELECT oid FROM pg_database WHERE datname = current_database())))
"""


def schemas() -> Iterator[Finding]:
    """Find schemas of our form without a tenant, or of one whose schema was dropped."""
    remedy = "Keep a dump of it if in doubt, then DROP SCHEMA ... CASCADE and DROP ROLE."
    for schema, named, status, was_dropped in catalogue.schemas_and_tenants():
        if schema and named is None:
            yield error(schema, "the schema belongs to no tenant", remedy)
        elif schema and status == TenantStatus.CLOSED and was_dropped:
            yield error(schema, "the schema is of a closed tenant and was dropped", remedy)


def roles() -> Iterator[Finding]:
    """Find roles of our form without a schema."""
    for [role] in catalogue.rows(_ROLES, [catalogue.OURS]):
        yield warning(
            role,
            "the role has no schema here, and no other database of this cluster refers to it",
            "DROP ROLE, unless another installation is about to make its schema: roles are the"
            " whole cluster's.",
        )


def domains() -> Iterator[Finding]:
    """Find claimed tenants that no host leads to, or without exactly one primary domain."""
    with scope.public_scope():
        tenants = list(
            Tenant.objects.claimed()
            .annotate(
                hosts=Count("domains"),
                primaries=Count("domains", filter=Q(domains__is_primary=True)),
            )
            .exclude(primaries=1)
            .values_list("schema_name", "hosts", "primaries")
        )
    for schema, hosts, primaries in tenants:
        yield error(
            schema,
            f"the tenant has {primaries} primary domains" if hosts else "the tenant has no domain",
            "Give it one in the operators' admin: links and mails name it.",
        )
