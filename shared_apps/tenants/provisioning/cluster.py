"""What the database needs once: the public role, extensions and search, revoked defaults."""

from django.conf import settings
from django.db import connections, transaction
from psycopg import sql

from .. import scope
from ..routers import OWNER_ALIAS

EXTENSIONS = ("pg_trgm", "unaccent")

# Tables whose rows are the template's in every schema: nobody but the owner changes them.
FIXED_TABLES = ("django_migrations", "django_content_type", "auth_permission")

# Any number will do as long as all owners agree: a migration of the fleet takes the lock alone,
# making a schema shares it.
FLEET_LOCK = 0x66726565


def web_login() -> str:
    """Return the name of the rightless login, which every role is granted to."""
    return str(settings.DATABASES["default"]["USER"])


def prepare_cluster() -> None:
    """Make the public role, the extensions and the revocations; safe to repeat."""
    names = {
        "public_role": sql.Identifier(scope.PUBLIC_ROLE),
        "web": sql.Identifier(web_login()),
        "extensions": sql.Identifier(scope.EXTENSIONS_SCHEMA),
        "search": sql.Identifier(scope.EXTENSIONS_SCHEMA, scope.SEARCH_CONFIGURATION),
        "database": sql.Identifier(settings.DATABASES["default"]["NAME"]),
    }
    with scope.owner_scope(), transaction.atomic(using=OWNER_ALIAS):
        with connections[OWNER_ALIAS].cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [scope.PUBLIC_ROLE])
            if cursor.fetchone() is None:
                cursor.execute(sql.SQL("CREATE ROLE {public_role} NOLOGIN").format(**names))
            if settings.TENANT_ROLES:
                cursor.execute(
                    sql.SQL("GRANT {public_role} TO {web} WITH INHERIT FALSE, SET TRUE").format(
                        **names
                    )
                )
            cursor.execute(
                sql.SQL(
                    "REVOKE ALL ON DATABASE {database} FROM PUBLIC;"
                    "GRANT CONNECT ON DATABASE {database} TO {web};"
                    "REVOKE ALL ON SCHEMA public FROM PUBLIC;"
                    "GRANT USAGE ON SCHEMA public TO {public_role};"
                    "ALTER DEFAULT PRIVILEGES IN SCHEMA public"
                    " GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {public_role};"
                    "CREATE SCHEMA IF NOT EXISTS {extensions};"
                    "GRANT USAGE ON SCHEMA {extensions} TO PUBLIC"
                ).format(**names)
            )
            for name in EXTENSIONS:
                cursor.execute(
                    sql.SQL("CREATE EXTENSION IF NOT EXISTS {} SCHEMA {extensions}").format(
                        sql.Identifier(name), **names
                    )
                )
            cursor.execute(
                "SELECT 1 FROM pg_ts_config WHERE cfgname = %s AND cfgnamespace = %s::regnamespace",
                [scope.SEARCH_CONFIGURATION, scope.EXTENSIONS_SCHEMA],
            )
            if cursor.fetchone() is None:
                # Words of any language, in lower case and without accents.
                cursor.execute(
                    sql.SQL(
                        "CREATE TEXT SEARCH CONFIGURATION {search} (COPY = pg_catalog.simple);"
                        "ALTER TEXT SEARCH CONFIGURATION {search} ALTER MAPPING"
                        " FOR word, numword, hword, numhword, hword_part, hword_numpart"
                        " WITH {extensions}.unaccent, pg_catalog.simple"
                    ).format(**names)
                )


def fix_rows(schema: str, role: str) -> None:
    """Leave ``role`` only SELECT on the fixed tables of ``schema``."""
    with scope.owner_scope(schema), connections[OWNER_ALIAS].cursor() as cursor:
        for table in FIXED_TABLES:
            cursor.execute(
                sql.SQL("REVOKE INSERT, UPDATE, DELETE ON {}.{} FROM {}").format(
                    *map(sql.Identifier, (schema, table, role))
                )
            )
