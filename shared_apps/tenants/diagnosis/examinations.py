"""All that a doctor looks at, in the order it is told."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from django.conf import settings
from django.db import DatabaseError, connections

from .. import scope
from ..routers import OWNER_ALIAS
from . import (
    fixed_rows,
    grants,
    orphans,
    ownership,
    pooler,
    redis_servers,
    roles,
    server,
    settings_sheet,
    structure,
    versions,
)
from .finding import Finding, NotExamined, error

Find = Callable[[], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Examination:
    """What is looked at: ``title`` is the sentence that holds when nothing is found."""

    title: str
    finds: tuple[Find, ...]
    login: str = ""
    needs_roles: bool = False


@dataclass(slots=True)
class Report:
    """What an examination found, or why it was not made."""

    title: str
    findings: list[Finding] = field(default_factory=list)
    not_made: str = ""


def _with_owner(title: str, *finds: Find, needs_roles: bool = False) -> Examination:
    return Examination(title, finds, OWNER_ALIAS, needs_roles)


_SERVER = (server.version, server.durability, server.connection_limit, server.timeouts)

EXAMINATIONS = (
    Examination("The settings are sound", (settings_sheet.at_all_times,)),
    Examination("The settings are safe in the open", (settings_sheet.in_deployment,)),
    Examination("The broker answers and keeps what it is given", (redis_servers.broker,)),
    Examination("The cache answers and is not the broker's", (redis_servers.cache,)),
    Examination("PostgreSQL is new, durable and large enough", _SERVER, "default"),
    Examination("The web login's pooler suits it", (pooler.of_the_web_login,), "default"),
    Examination("Every portal has one primary domain", (orphans.domains,), "default"),
    _with_owner("The owner login connects directly", pooler.of_the_owner_login),
    _with_owner("The owner login may what it must", roles.owner_login),
    _with_owner(
        "Public and template are what the code makes",
        versions.outstanding_migrations,
        versions.changed_template,
        fixed_rows.of_the_code,
    ),
    _with_owner(
        "Every tenant has a schema of the template's version",
        versions.missing_schemas,
        versions.lagging_tenants,
    ),
    _with_owner("Tables, columns and constraints are the template's", structure.drift),
    _with_owner("Content types and permissions are the template's", fixed_rows.drift),
    _with_owner(
        "Every schema has its role, which may no more",
        roles.missing,
        roles.attributes,
        roles.memberships,
        needs_roles=True,
    ),
    _with_owner(
        "Grants are neither missing nor too many",
        grants.on_schemas,
        grants.on_tables,
        grants.by_default,
        grants.elsewhere,
        needs_roles=True,
    ),
    _with_owner(
        "The owner login owns everything, the web login nothing",
        ownership.of_the_rightless,
        ownership.of_the_owner,
    ),
    _with_owner("Extensions are where every tenant reaches them", ownership.extensions),
    _with_owner("No schema or role is an orphan", orphans.schemas, orphans.roles),
)


def examine() -> Iterator[Report]:
    """Make all examinations; one that cannot be made stops no other."""
    closed: dict[str, str] = {"": ""}
    for examination in EXAMINATIONS:
        report = Report(examination.title)
        login = examination.login
        if login not in closed:
            closed[login] = _why_closed(login, report)
        report.not_made = closed[login] or _why_senseless(examination)
        if not report.not_made:
            _fill(report, examination)
        yield report


def _why_closed(login: str, report: Report) -> str:
    """Return why ``login`` cannot be used; one that is away is a finding of its own."""
    if login not in settings.DATABASES:
        return "OWNER_DATABASE_URL is not set"
    try:
        with scope.catalogue_scope():
            connections[login].ensure_connection()
    except DatabaseError as why:
        problem = f"cannot be reached: {' '.join(str(why).split())}"
        remedy = "Start PostgreSQL or the pooler, or correct the URL."
        report.findings.append(error(f"connection {login}", problem, remedy))
        return f"the connection {login} cannot be made"
    return ""


def _why_senseless(examination: Examination) -> str:
    if examination.needs_roles and not settings.TENANT_ROLES:
        return "TENANT_ROLES is off"
    return ""


def _fill(report: Report, examination: Examination) -> None:
    for find in examination.finds:
        try:
            report.findings.extend(find())
        except NotExamined as why:
            report.not_made = str(why)
        except Exception as why:
            # What is broken enough to break an examination is told, and the next one made.
            text = f"cannot be examined: {type(why).__name__}: {' '.join(str(why).split())}"
            report.findings.append(error(examination.title, text, "Mend the other findings first."))
            if examination.login:
                connections[examination.login].close()
