"""Take a defence away, and see the tests notice.

Each mutant is one change to a copy of the tree; the named tests must fail in it, and pass
without it.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ENGINE = "tests/isolation/test_engine.py"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A defence taken away: ``old`` becomes ``new`` in ``file``, and ``tests`` must notice."""

    name: str
    file: str
    old: str
    new: str
    tests: str = ENGINE


MUTANTS = (
    Mutant(
        "prefix removed",
        "shared_apps/tenants/postgresql/cursor.py",
        "super().execute(scope.prefix + text, **kwargs)",
        "super().execute(text, **kwargs)",
    ),
    Mutant(
        # As in django-tenants: a SET of its own, whose failure leaves the former tenant's.
        "the prefix's error swallowed",
        "shared_apps/tenants/postgresql/cursor.py",
        "        super().execute(scope.prefix + text, **kwargs)\n",
        "        try:\n"
        "            super().execute(scope.prefix.replace(' LOCAL', ''))\n"
        "        except Exception:\n"
        "            pass\n"
        "        super().execute(text, **kwargs)\n",
        f"{ENGINE}::test_a_prefix_that_fails_keeps_its_statement_from_running",
    ),
    Mutant(
        "public added to the search path",
        "shared_apps/tenants/scope.py",
        "_prefix(schema, schema, EXTENSIONS_SCHEMA)",
        '_prefix(schema, schema, EXTENSIONS_SCHEMA, "public")',
    ),
    Mutant(
        "role dropped",
        "shared_apps/tenants/scope.py",
        "_prefix(schema, schema, EXTENSIONS_SCHEMA)",
        "_prefix(None, schema, EXTENSIONS_SCHEMA)",
    ),
    Mutant(
        "a queryset not stamped",
        "shared_apps/tenants/stamps.py",
        "        patched.__init__ = _stamping(patched.__init__)",
        "        _ = _stamping",
        "tests/isolation/test_stamps.py",
    ),
    Mutant(
        "one content-type cache for public and tenants",
        "shared_apps/tenants/content_types.py",
        '    return "tenant" if active.kind == "tenant" else active.key',
        '    return "all"',
        "tests/isolation/test_content_types.py",
    ),
    Mutant(
        "X-Forwarded-For trusted",
        "shared_apps/tenants/limits.py",
        "    if settings.TRUSTED_PROXIES:",
        '    if request.META.get("HTTP_X_FORWARDED_FOR"):',
        "tests/test_limits.py",
    ),
    Mutant(
        "a writer leaves the lease",
        "tenant_apps/cached/generations.py",
        '            ask(("DEL", lease_key()))',
        "            pass",
        "tests/cached/test_generations.py",
    ),
    Mutant(
        "a lease of a row that a writer holds",
        "tenant_apps/cached/generations.py",
        " FOR SHARE SKIP LOCKED",
        "",
        "tests/cached/test_generations.py",
    ),
    Mutant(
        "one audience for all who are signed in",
        "tenant_apps/products/cached.py",
        "return str(user.pk) if user.is_authenticated else ANYONE",
        "return ANYONE",
        "tests/cached/test_reads.py",
    ),
    Mutant(
        "an unread answer of Redis left to the next caller",
        "shared_apps/tenants/redis_client.py",
        "        connection.disconnect()",
        "        pass",
        "tests/cached/test_store.py",
    ),
    Mutant(
        "no key function",
        "shared_apps/tenants/cache.py",
        '    return f"{key_prefix}{owner}:{version}:{key}"',
        '    return f"{key_prefix}:{version}:{key}"',
        "tests/tenants/test_cache.py",
    ),
    Mutant(
        "orders moved by anyone",
        "tenant_apps/orders/permissions.py",
        "bool(Order.objects.changeable_by(request.user, self.deed).filter(pk=obj.pk).exists())",
        "True",
        "tests/isolation/test_authorisation.py",
    ),
    Mutant(
        "others' orders on the portal's pages",
        "tenant_apps/orders/pages.py",
        "Order.objects.filter(user=request.user.pk)",
        "Order.objects.all()",
        "tests/portal/test_order_pages.py",
    ),
    Mutant(
        "a cart that two orders take at once",
        "tenant_apps/orders/cart/filling.py",
        "        _lock(user)\n        lines = lines_of",
        "        lines = lines_of",
        "tests/portal/test_cart.py",
    ),
    Mutant(
        "state gate dropped",
        "shared_apps/tenants/routing.py",
        "        if why := refusal(tenant, deed_of(request)):",
        "        if (why := refusal(tenant, deed_of(request))) and False:",
        "tests/tenants/test_routing.py",
    ),
    Mutant(
        "anybody let into a portal that is shut",
        "tenant_apps/users/authentication.py",
        "        check_may_be_here(user)\n",
        "        pass\n",
        "tests/billing/test_owner.py",
    ),
    Mutant(
        "a session left in a portal that is shut",
        "config/settings/base.py",
        '    "tenant_apps.users.settling.OwnersAlone",\n',
        "",
        "tests/billing/test_owner.py",
    ),
    Mutant(
        "a neighbour's subscription paid for",
        "billing/of_tenant.py",
        "get(tenant=tenant.id)",
        'order_by("pk").last()',
        "tests/billing/test_owner.py",
    ),
    Mutant(
        "a task without a tenant allowed",
        "shared_apps/tenants/tasks.py",
        "            raise Reject(reason, requeue=False)",
        "            return None",
        "tests/tenants/test_tasks.py",
    ),
    Mutant(
        "refresh checks, then acts",
        "tenant_apps/users/logins/models.py",
        "self.filter(pk=family, current=old, ",
        "self.filter(pk=family, ",
        "tests/users/test_tokens.py",
    ),
    Mutant(
        "audience check dropped",
        "tenant_apps/users/tokens.py",
        "    def encode(self, payload",
        "    def decode(self, token, verify=True):\n"
        "        self.audience = None\n"
        "        return super().decode(token, verify)\n\n"
        "    def encode(self, payload",
        "tests/users/test_tokens.py",
    ),
    Mutant(
        "an existing schema adopted",
        "shared_apps/tenants/provisioning/replay.py",
        'text("CREATE SCHEMA {schema};\\n")',
        'text("CREATE SCHEMA IF NOT EXISTS {schema};\\n")',
        "tests/tenants/test_provisioning.py",
    ),
    Mutant(
        "one signing salt for all tenants",
        "shared_apps/tenants/links.py",
        'return f"{purpose}:{active_tenant().id}"',
        "return purpose",
        "tests/files/test_product_images.py",
    ),
    Mutant(
        "tenants' files in one folder",
        "shared_apps/tenants/storage.py",
        "return str(active.tenant.id)",
        'return "everybody"',
        "tests/files/test_storage.py",
    ),
    Mutant(
        "a page that remembers a tenant",
        "tenant_apps/users/context.py",
        '"tenant": tenant,',
        '"tenant": vars(portal).setdefault("first", tenant),',
        "tests/isolation/test_canaries.py",
    ),
    Mutant(
        "page size unlimited",
        "shared_apps/tenants/paging.py",
        "if not is_number or not 1 <= int(asked) <= self.max_page_size:",
        "if not is_number:",
        "tests/products/test_catalogue_api.py",
    ),
    Mutant(
        "a cursor skips what is alike",
        "shared_apps/tenants/paging.py",
        " | condition)",
        ")",
        "tests/test_paging.py",
    ),
    Mutant(
        "another type taken for the field's",
        "shared_apps/tenants/api.py",
        "    if value is None or is_form:",
        "    if True:",
        "tests/test_bad_input.py",
    ),
    Mutant(
        "who acts counts in every scope",
        "tenant_apps/history/acting.py",
        "entered is None or entered[0] != scope.current_key()",
        "entered is None",
        "tests/admin/test_history.py",
    ),
)


def is_killed(mutant: Mutant, tree: Path) -> bool:
    """Tell whether the tests fail with ``mutant`` applied to ``tree``, and put it back."""
    source = tree / mutant.file
    original = source.read_text()
    if original.count(mutant.old) != 1:
        sys.exit(f"{mutant.name}: the code to change is not there once in {mutant.file}.")
    source.write_text(original.replace(mutant.old, mutant.new))
    try:
        return _fails(mutant.tests, tree)
    finally:
        source.write_text(original)


def _fails(tests: str, tree: Path) -> bool:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", tests],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        sys.exit(done.stdout + done.stderr)
    return done.returncode == 1


def all_are_killed(tree: Path) -> bool:
    """Try every mutant in the copy ``tree``; tell whether none lives."""
    for tests in sorted({mutant.tests for mutant in MUTANTS}):
        if _fails(tests, tree):
            sys.exit(f"{tests} fails without a mutant.")
    living = 0
    for mutant in MUTANTS:
        killed = is_killed(mutant, tree)
        print(f"{'killed' if killed else 'LIVES ':<8}{mutant.name}", flush=True)
        living += not killed
    return not living
