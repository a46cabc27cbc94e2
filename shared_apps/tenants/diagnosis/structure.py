"""Whether each tenant's tables, columns, constraints and indexes are the template's.

The comment on a schema says which version it was made of, not what became of it since.
Schemas that lag are left out: they should differ.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..provisioning.template import TEMPLATE_SCHEMA
from . import catalogue
from .finding import Finding, error, some

# Each query reads the whole catalogue once; what it sorts stays within some 70 MB.
SCHEMAS_A_QUERY = 1_000

# A line for each thing a schema has, the schema's own name taken out; those that all have alike
# stay in the database. A CHECK that was dumped and read again has its casts and brackets in other
# places, so lines are compared without them.
_LINES = r"""
WITH schemas AS (SELECT oid, nspname FROM pg_namespace WHERE nspname = ANY(%s)),
relations AS (
    SELECT c.*, nspname FROM pg_class c JOIN schemas s ON s.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f')),
lines AS (
    SELECT nspname, 'schema' AS kind, '' AS place, '' AS name, '' AS definition FROM schemas
    UNION ALL SELECT nspname, 'table', relname, '',
        concat_ws(' ', relkind, relpersistence, relrowsecurity, relforcerowsecurity)
        FROM relations
    UNION ALL SELECT nspname, 'column', relname, attname, concat_ws(' ',
        format_type(atttypid, atttypmod), 'COLLATE ' || nullif(collname, 'default'),
        CASE WHEN attnotnull THEN 'NOT NULL' END,
        CASE attidentity WHEN 'a' THEN 'IDENTITY ALWAYS' WHEN 'd' THEN 'IDENTITY' END,
        CASE WHEN attgenerated <> '' THEN 'GENERATED' END,
        'DEFAULT ' || replace(pg_get_expr(adbin, adrelid), nspname || '.', ''))
        FROM relations r JOIN pg_attribute ON attrelid = r.oid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        LEFT JOIN pg_collation l ON l.oid = attcollation
        WHERE attnum > 0 AND NOT attisdropped
    UNION ALL SELECT nspname, 'constraint', relname, conname,
        replace(pg_get_constraintdef(k.oid), nspname || '.', '')
        FROM relations r JOIN pg_constraint k ON conrelid = r.oid WHERE contype <> 'n'
    UNION ALL SELECT r.nspname, 'index', r.relname, i.relname, concat_ws(' ',
        replace(pg_get_indexdef(indexrelid), r.nspname || '.', ''),
        CASE WHEN NOT indisvalid THEN 'INVALID' END)
        FROM relations r JOIN pg_index ON indrelid = r.oid JOIN pg_class i ON i.oid = indexrelid
        WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid
            AND contype IN ('p', 'u', 'x'))
    UNION ALL SELECT nspname, 'trigger', relname, tgname,
        concat_ws(' ', replace(pg_get_triggerdef(t.oid), nspname || '.', ''), tgenabled)
        FROM relations r JOIN pg_trigger t ON tgrelid = r.oid WHERE NOT tgisinternal)
SELECT kind, place, name, min(definition), array_agg(nspname) FROM lines
GROUP BY kind, place, name, regexp_replace(
    definition, '::(character varying|text)|[][()]', '', 'g')
HAVING kind = 'schema' OR count(*) <> (SELECT count(*) FROM schemas)
"""

_REMEDY = (
    "Make it equal by hand, as the owner login, or restore it; `migrate` passes over a schema"
    " that carries the template's version."
)


class Thing(NamedTuple):
    """A table, column, constraint, index or trigger."""

    kind: str
    place: str
    name: str

    def __str__(self) -> str:
        match self.kind:
            case "table":
                return f"table {self.place}"
            case "column":
                return f"column {self.place}.{self.name}"
        return f"{self.kind} {self.name} of {self.place}"


# What each thing is, and in which schemas it is that.
Definitions = dict[str, set[str]]


def drift() -> Iterator[Finding]:
    """Find what a schema lacks, has too much or has otherwise than the template."""
    schemas: dict[str, set[str]] = defaultdict(set)
    for chunk in catalogue.in_chunks(catalogue.comparable_schemas(), SCHEMAS_A_QUERY):
        for problem, where in _differences([TEMPLATE_SCHEMA, *chunk]):
            schemas[problem] |= where
    for problem, where in schemas.items():
        yield error(some(where), problem, _REMEDY)


def _differences(schemas: list[str]) -> Iterator[tuple[str, set[str]]]:
    things: dict[Thing, Definitions] = defaultdict(dict)
    for kind, place, name, definition, where in catalogue.rows(_LINES, [schemas]):
        things[Thing(kind, place, name)][definition] = set(where)
    everywhere = things.pop(Thing("schema", "", ""))[""]
    tables_differ: dict[str, set[str]] = defaultdict(set)
    for thing, definitions in sorted(things.items(), key=lambda item: item[0].kind != "table"):
        for problem, where in _compare(thing, definitions, everywhere):
            if thing.kind == "table":
                tables_differ[thing.place] |= where
            else:
                # A missing table is told once, not column by column.
                where = where - tables_differ[thing.place]
            if where:
                yield problem, where


def _compare(
    thing: Thing, definitions: Definitions, everywhere: Iterable[str]
) -> Iterator[tuple[str, set[str]]]:
    wanted = next((d for d, where in definitions.items() if TEMPLATE_SCHEMA in where), None)
    if wanted is None:
        yield f"{thing} is not in the template", set().union(*definitions.values())
        return
    missing = set(everywhere).difference(*definitions.values())
    if missing:
        yield f"{thing} is missing", missing
    for definition, where in definitions.items():
        if definition != wanted:
            yield f"{thing} is `{definition}`, in the template `{wanted}`", where
