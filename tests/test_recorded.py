"""What changes rows past ``save()`` records it, or says why not; every model is decided upon."""

import ast
from collections.abc import Iterator
from pathlib import Path

from auditlog.registry import auditlog
from django.apps import apps
from django.conf import settings

from tests.test_house_rules import ROOT, SOURCES

# Methods of querysets that send no signal, so that the library records nothing.
BARE = frozenset(
    {
        *("update", "bulk_create", "bulk_update", "_raw_delete", "_update"),
        *("aupdate", "abulk_create", "abulk_update", "update_or_create"),
        *("execute", "raw"),
    }
)

# function -> why it need not record what it writes
EXEMPT = {
    "cached/generations.py:renew": "machinery",
    "cached/generations.py:_asked": "machinery",
    "cached/generations.py:_read": "reads",
    "cached/tallies.py:_take": "Redis",
    "integrations/idempotency.py:_lock": "a lock",
    "integrations/models.py:OutboxEntry.mark_done": "machinery: nobody's deed",
    "integrations/models.py:OutboxEntry.mark_failed": "machinery: nobody's deed",
    "integrations/models.py:Job.start": "machinery: a worker takes a job",
    "integrations/models.py:Job._write": "machinery: a job's progress stands on the job",
    "integrations/outbox.py:deliver": "machinery: a lease",
    "orders/cart/filling.py:change": "a person's own cart",
    "orders/numbering.py:next_number": "a counter",
    "orders/placing.py:place_order": "the lines of an order that is recorded as made",
    "products/catalogue_import.py:_import_batch": "one entry for the whole file: `run_job`",
    "products/catalogue_import.py:_categories": "one entry for the whole file: `run_job`",
    "products/models.py:ProductManager.take_stock": "the order says what it took",
    "products/models.py:ProductQuerySet.return_stock": "the order says what it gave back",
    "products/models.py:ProductQuerySet.add_views": "a counter",
    "users/authentication.py:TenantJWTAuthentication.get_user": "reads",
    "users/built_in_roles.py:write_built_in_roles": "the template's rows, before any tenant",
    "users/models.py:User.revoke_tokens": "says nothing; what ended the logins is recorded",
    "users/models.py:User.end_logins": "as above",
    "users/api_keys/models.py:ApiKey.note_use": "a key was used",
    "users/logins/models.py:RefreshFamilyManager.rotate": "a login's chain of tokens",
    "users/logins/models.py:RefreshFamily.end": "a login's end stands on the login",
    "users/logins/models.py:RefreshFamily.touch": "a login was used",
    "users/tokens.py:close_login": "a login's chain of tokens",
}

# models that are not recorded, and why
UNRECORDED = {
    "cached.Generations": "machinery",
    "files.StoredFile": "never changes; what shows it is recorded",
    "history.Change": "the record itself",
    "integrations.Job": "says itself who asked for what; its outcome is an entry",
    "integrations.KeptAnswer": "machinery",
    "integrations.OutboxEntry": "machinery",
    "orders.OrderCounter": "a counter",
    "orders.OrderItem": "never changes; made with its order",
    "products.Favorite": "a person's own mark",
    "orders.CartItem": "a person's own cart",
    "users.RefreshFamily": "a login's chain of tokens",
}


def functions(tree: ast.AST, name: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Yield each function with the names of the classes it stands in."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{name}{node.name}", node
        elif isinstance(node, ast.ClassDef):
            yield from functions(node, f"{name}{node.name}.")


def calls(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield what is called: the name, and what stands before its dot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            before = node.func.value if isinstance(node.func, ast.Attribute) else None
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            yield called, ast.unparse(before) if before else ""


def bare(source: str) -> Iterator[str]:
    """Yield the functions that write past ``save()`` and record nothing."""
    tree = ast.parse(source)
    inside = list(functions(tree))
    for name, function in inside:
        found = list(calls(function))
        writes = any(called in BARE and before != "super()" for called, before in found)
        if writes and not any(called == "record" for called, _ in found):
            yield name
    at_module_level = ast.Module([n for n in ast.iter_child_nodes(tree) if not _is_inside(n)], [])
    if any(called in BARE for called, _ in calls(at_module_level)):
        yield "<module>"


def _is_inside(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def test_whoever_writes_past_save_records_it_or_says_why_not():
    folder = ROOT / "tenant_apps"
    found = {
        f"{path.relative_to(folder)}:{name}"
        for path in SOURCES
        if folder in path.parents
        for name in bare(Path(path).read_text())
    }
    assert found - set(EXEMPT) == set(), "record the change, or give a reason in EXEMPT"
    assert set(EXEMPT) - found == set(), "no longer there"


def test_a_bare_update_is_found_wherever_it_stands():
    assert list(bare("def f():\n    Product.objects.filter(pk=1).update(stock=1)")) == ["f"]
    assert list(bare("class A:\n    def f(self):\n        self.bulk_update(x)")) == ["A.f"]
    assert list(bare("async def f():\n    await qs.aupdate(a=1)")) == ["f"]
    assert list(bare("def f():\n    def g():\n        qs.bulk_create(x)\n    g()")) == ["f"]
    assert list(bare("Product.objects.update(stock=1)")) == ["<module>"]
    assert list(bare("def f():\n    cursor.execute(TAKE)")) == ["f"]
    assert list(bare("def f():\n    list(objects.raw(TAKE))")) == ["f"]
    assert list(bare("def f():\n    qs.update(a=1)\n    record(x, a=(0, 1))")) == []
    assert list(bare("def f():\n    super().update(request)")) == []
    assert list(bare("def f():\n    x.save()")) == []


def test_every_model_is_recorded_or_says_why_not():
    ours = {
        model._meta.label
        for name in settings.TENANT_APPS
        if name.startswith("tenant_apps.")
        for model in apps.get_app_config(name.rpartition(".")[2]).get_models()
    }
    recorded = {model._meta.label for model in auditlog.get_models()}
    assert ours == recorded | set(UNRECORDED)
    assert not recorded & set(UNRECORDED)
    assert recorded == {
        *("products.Product", "products.Category", "orders.Order"),
        *("users.User", "users.Role", "users.PortalSettings"),
        "users.ApiKey",
        "users.Invitation",
        *("products.CategoryPersonGrant", "products.CategoryRoleGrant"),
        *("products.ProductPersonGrant", "products.ProductRoleGrant"),
        *("orders.OrderPersonGrant", "orders.OrderRoleGrant"),
    }


def test_no_secret_column_is_recorded():
    recorded = {
        name
        for model in auditlog.get_models()
        for name in auditlog.get_model_fields(model)["include_fields"]
    }
    assert not [n for n in recorded if "password" in n or "token" in n or n == "last_login"]
    assert {"email", "price", "status", "rank", "currency"} <= recorded
