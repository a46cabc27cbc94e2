"""Parts of Django's own suite, with Django's engine and with ours in one scope."""

from .comparing import Suite

MODULES = (
    *("transactions", "transaction_hooks", "basic", "select_for_update", "bulk_create", "update"),
    *("delete", "get_or_create", "queries", "aggregation", "annotations", "migrations"),
    *("introspection", "raw_query", "prefetch_related", "constraints", "expressions", "fixtures"),
    *("backends", "auth_tests", "contenttypes_tests", "sessions_tests"),
)
# What must differ, and why.
KNOWN = {
    "test_server_side_cursors_setting": "expects a server-side cursor; those carry no prefix",
    "test_connect_custom_cursor_factory": "raw cursors are of a class that guards transactions",
    "test_connect_server_side_binding": "as above; a prefix needs client-side binding",
}
SUITE = Suite(
    package="django",
    folder="tests",
    command=(
        *("runtests.py", "--settings=tests.compat.django_settings"),
        *("--parallel=1", "--noinput", *MODULES),
    ),
    engines=("django.db.backends.postgresql", "tests.compat.engine"),
    known=KNOWN,
    enough=4000,
)
