"""Whether the roles are there, may nothing more, and are the web login's to take and no more."""

from collections.abc import Iterator

from django.conf import settings

from .. import scope
from ..provisioning.cluster import web_login
from . import catalogue
from .finding import Finding, error, some, warning

_ATTRIBUTES = """
SELECT rolname, attribute FROM pg_roles CROSS JOIN LATERAL (VALUES
    ('SUPERUSER', rolsuper), ('CREATEROLE', rolcreaterole), ('CREATEDB', rolcreatedb),
    ('REPLICATION', rolreplication), ('BYPASSRLS', rolbypassrls),
    ('LOGIN', rolcanlogin AND rolname <> %(web)s), ('INHERIT', rolinherit AND rolname = %(web)s)
) AS attributes (attribute, is_held)
WHERE is_held AND rolname = ANY(%(roles)s) ORDER BY 1, 2
"""
_MEMBERS = """
SELECT taken.rolname, taker.rolname, bool_or(admin_option), bool_or(inherit_option),
    bool_or(set_option), taker.rolname = current_user
FROM pg_auth_members m JOIN pg_roles taken ON taken.oid = roleid
JOIN pg_roles taker ON taker.oid = m.member
WHERE taken.rolname = ANY(%(roles)s) OR taker.rolname = ANY(%(roles)s)
GROUP BY 1, 2 ORDER BY 1, 2
"""


def _takeable() -> list[str]:
    """Return the roles that the web login takes: public's and each tenant's."""
    return [scope.PUBLIC_ROLE, *catalogue.tenants_schemas()]


def missing() -> Iterator[Finding]:
    """Find schemas without their role."""
    roles = _takeable()
    lost = {*roles} - catalogue.present_roles(roles)
    if lost:
        yield error(
            some(lost),
            "the role is missing: every statement there fails",
            "Make it with its grants by hand, as `provisioning.replay` does; public's is made"
            " by `manage.py migrate`.",
        )


def attributes() -> Iterator[Finding]:
    """Find attributes that a tenant's, public's or the web login's role must not have."""
    web = web_login()
    for role, attribute in catalogue.rows(_ATTRIBUTES, {"web": web, "roles": [web, *_takeable()]}):
        yield error(role, f"has {attribute}", f"ALTER ROLE {role} NO{attribute};")


def memberships() -> Iterator[Finding]:
    """Find who may take a role and should not, and whom the web login may not take."""
    web, roles = web_login(), _takeable()
    # A closed tenant's role may be taken until it goes with the schema.
    ours = {*roles, *catalogue.draining_schemas()}
    takeable: set[str] = set()
    found = catalogue.rows(_MEMBERS, {"roles": [web, *ours]})
    for role, member, is_admin, inherits, may_set, is_owner in found:
        if role in ours and member == web:
            if may_set:
                takeable.add(role)
            for is_held, option in ((is_admin, "ADMIN"), (inherits, "INHERIT")):
                if is_held:
                    yield error(
                        web,
                        f"is granted {role} WITH {option}: it may more than take it",
                        f"REVOKE {option} OPTION FOR {role} FROM {member};",
                    )
        elif not (is_owner and (role in ours or role == web)):
            yield error(
                member, f"is a member of {role}", f"REVOKE {role} FROM {member}; nobody needs it."
            )
    if barred := catalogue.present_roles(roles) - takeable:
        yield error(
            web,
            f"may not take {some(barred)}",
            f"GRANT the role TO {web} WITH INHERIT FALSE, SET TRUE; as the owner login.",
        )


def owner_login() -> Iterator[Finding]:
    """Find an owner login that may too little, or everything."""
    [(name, is_super, may_make_roles, is_web)] = catalogue.rows(
        "SELECT rolname, rolsuper, rolcreaterole, rolname = %s FROM pg_roles"
        " WHERE rolname = current_user",
        [web_login()],
    )
    if is_web:
        yield error(name, "owns the schemas and serves the web", "Use two logins: see README.")
    if is_super:
        yield warning(
            name,
            "is a superuser; CREATEROLE and the ownership of the database are enough",
            f"ALTER ROLE {name} NOSUPERUSER;",
        )
    elif settings.TENANT_ROLES and not may_make_roles:
        yield error(name, "cannot make tenants' roles", f"ALTER ROLE {name} CREATEROLE;")
