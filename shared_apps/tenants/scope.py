"""Which schema the running code may reach: the one source of truth.

A scope is held in a context variable: it follows the code into ``sync_to_async``, is absent
in a new thread, and is read by the database engine, cache keys, storage, logs and tasks.
Without one every query raises :class:`NoActiveTenant`; there is no default.

=========  =========================  ==========================  =============================
kind       role of the statement      search_path                 who enters it
=========  =========================  ==========================  =============================
tenant     the tenant's own           its schema, extensions      routing, tenant tasks
public     ``portal_public``          public, extensions          routing, platform tasks
owner      the owner login itself     the schema named            migrations, provisioning, drops
catalogue  the login itself           pg_catalog                  Django's own connection hooks
=========  =========================  ==========================  =============================
"""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Literal

from django.conf import settings

from .active import ActiveTenant

PUBLIC_SCHEMA = "public"
EXTENSIONS_SCHEMA = "extensions"
# Beside the extensions: how texts are searched, for every tenant alike.
SEARCH_CONFIGURATION = "freehold"
PUBLIC_ROLE = "portal_public"

Kind = Literal["tenant", "public", "owner", "catalogue"]

_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,49}")


class NoActiveTenant(RuntimeError):
    """Code asked for tenant-dependent state outside any scope."""

    def __init__(self, wanted: str = "a query") -> None:
        super().__init__(f"No scope is active: {wanted} needs a tenant, public or owner scope.")


class WrongScope(RuntimeError):
    """An object or a connection of one scope was used in another."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What one statement is allowed to reach.

    ``key`` tells two scopes apart (it stamps instances and querysets), ``prefix`` is the SQL
    sent in the same message as each statement and ``prefix_statements`` how many statements
    that is.
    """

    kind: Kind
    key: str
    schema: str
    prefix: str
    prefix_statements: int
    tenant: ActiveTenant | None = None

    @property
    def is_owner(self) -> bool:
        """Whether only the owner login may run statements here."""
        return self.kind == "owner"


def _checked(name: str) -> str:
    """Return ``name`` if it can stand in SQL as it is: names are ours, never user input."""
    if not _IDENTIFIER.fullmatch(name):
        raise ValueError(f"Not a schema or role name of ours: {name!r}")
    return name


def _prefix(role: str | None, *path: str) -> tuple[str, int]:
    set_path = f"SET LOCAL search_path TO {', '.join(map(_checked, path))}; "
    if role is None or not settings.TENANT_ROLES:
        return set_path, 1
    return f"SET LOCAL ROLE {_checked(role)}; {set_path}", 2


@lru_cache(maxsize=4096)
def _tenant_prefix(schema: str) -> tuple[str, int]:
    return _prefix(schema, schema, EXTENSIONS_SCHEMA)


_current: ContextVar[Scope | None] = ContextVar("freehold_scope", default=None)


def current() -> Scope | None:
    """Return the active scope, or None between requests, between tasks, in a new thread."""
    return _current.get()


def current_key() -> str | None:
    """Return the key of the active scope, or None."""
    scope = _current.get()
    return None if scope is None else scope.key


def active_tenant() -> ActiveTenant:
    """Return the tenant of the running code.

    Raises:
        NoActiveTenant: outside a tenant's scope.

    """
    scope = _current.get()
    if scope is None or scope.tenant is None:
        raise NoActiveTenant("this code")
    return scope.tenant


@contextmanager
def entered(scope: Scope) -> Iterator[Scope]:
    """Enter a scope that was active before."""
    token = _current.set(scope)
    try:
        yield scope
    finally:
        _current.reset(token)


def tenant_scope(tenant: ActiveTenant) -> AbstractContextManager[Scope]:
    """Enter the scope of one tenant: its role, its schema and nothing else."""
    prefix, count = _tenant_prefix(tenant.schema_name)
    return entered(
        Scope("tenant", f"tenant:{tenant.id}", tenant.schema_name, prefix, count, tenant)
    )


def public_scope() -> AbstractContextManager[Scope]:
    """Enter the operators' side: the public schema through its own role."""
    prefix, count = _prefix(PUBLIC_ROLE, PUBLIC_SCHEMA, EXTENSIONS_SCHEMA)
    return entered(Scope("public", "public", PUBLIC_SCHEMA, prefix, count))


def owner_scope(schema: str = PUBLIC_SCHEMA) -> AbstractContextManager[Scope]:
    """Enter ``schema`` with the owner login: migrations, provisioning and drops only."""
    prefix, count = _prefix(None, schema, EXTENSIONS_SCHEMA)
    return entered(Scope("owner", f"owner:{schema}", schema, prefix, count))


def catalogue_scope() -> AbstractContextManager[Scope]:
    """Enter a scope that sees the system catalogue alone."""
    prefix, count = _prefix(None, "pg_catalog")
    return entered(Scope("catalogue", "catalogue", "pg_catalog", prefix, count))


@contextmanager
def no_scope() -> Iterator[None]:
    """Leave whatever scope is active, for code that must not depend on one."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


def bound[**P, R](func: Callable[P, R]) -> Callable[P, R]:
    """Return ``func`` so that it runs, whenever that is, in the scope of this moment."""
    scope = _current.get()

    @wraps(func)
    def in_scope(*args: P.args, **kwargs: P.kwargs) -> R:
        token = _current.set(scope)
        try:
            return func(*args, **kwargs)
        finally:
            _current.reset(token)

    return in_scope
