"""django-tenants' own suite, with its engine and with ours.

Its source distribution holds the tests and the project they run in, but for the files of tests of
file storage, static files and template loaders, which its packaging leaves out: none of them
asks the engine for more than the schema's name.
"""

from .comparing import Suite

# What must differ, and why.
KNOWN = {
    "TenantDataAndSettingsTest.test_switching_search_path": (
        "counts a SET search_path before each statement; ours sends none of its own"
    ),
    "TenantDataAndSettingsTest.test_switching_search_path_limited_calls": (
        "counts one SET search_path after each switch; ours sends none of its own"
    ),
    "ServerSideCursorTenantTest.test_iterator_really_uses_a_server_side_cursor": (
        "expects a server-side cursor; those carry no prefix, an iterator is fetched whole"
    ),
}
SUITE = Suite(
    package="django-tenants",
    folder="dts_test_project",
    command=(
        *("manage.py", "test", "--settings=tests.compat.tenants_settings"),
        *("--parallel=1", "--noinput", "django_tenants"),
    ),
    engines=("django_tenants.postgresql_backend", "tests.compat.tenants_engine"),
    known=KNOWN,
    enough=150,
)
