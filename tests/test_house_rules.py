"""Rules that no linter knows: what must not be written in this code base."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(
    path
    for folder in ("config", "shared_apps", "tenant_apps", "billing")
    for path in (ROOT / folder).rglob("*.py")
    if "migrations" not in path.parts
)

# rule -> (where it may stand all the same, what finds it)
PATTERNS = {
    "the driver's own connection goes round the engine": (
        {"shared_apps/tenants/postgresql/cursor.py", "shared_apps/tenants/postgresql/base.py"},
        r"\bconnection\.connection\b|\bpsycopg\.connect\b|(?<!shared\(\))\.pipeline\(",
    ),
    "cache.clear() is FLUSHDB; delete_pattern('*') is everybody's": (
        set(),
        r"\bcache\.clear\(|delete_pattern\(",
    ),
    "django-tenants' context managers keep state on the class": (
        set(),
        r"\b(schema_context|tenant_context|tenant_schemas|set_tenant\(|set_schema)\b",
    ),
    "a thread of one's own has no scope": (
        set(),
        r"\b(ThreadPoolExecutor|ProcessPoolExecutor|threading\.Thread|sync_to_async)\b",
    ),
    "a signal between our own apps hides who calls whom": (set(), r"@receiver\("),
    "a lookup built from input can reach any column": (
        set(),
        r"filter\(\*\*(self\.)?request|filter\(\*\*.*query_params",
    ),
    "a template is never told that a text is safe": (set(), r"\bmark_safe\(|\|\s*safe\b"),
}
ALLOWED_ENGINE = {"shared_apps/tenants/postgresql/base.py"}


def found(pattern: str, but: set[str]) -> Iterator[str]:
    for path in SOURCES:
        name = str(path.relative_to(ROOT))
        if name in but:
            continue
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            code = line.split("#")[0]
            if re.search(pattern, code) and "`" not in code:
                yield f"{name}:{number}: {line.strip()}"


@pytest.mark.parametrize("rule", PATTERNS)
def test_it_is_nowhere_written(rule):
    but, pattern = PATTERNS[rule]
    but = but | (ALLOWED_ENGINE if "context managers" in rule else set())
    assert list(found(pattern, but)) == []


def test_the_patterns_find_what_they_are_for():
    samples = {
        "the driver's own connection goes round the engine": "x = connection.connection.execute()",
        "cache.clear() is FLUSHDB; delete_pattern('*') is everybody's": "cache.clear()",
        "django-tenants' context managers keep state on the class": "@schema_context('x')",
        "a thread of one's own has no scope": "ThreadPoolExecutor(4)",
        "a signal between our own apps hides who calls whom": "@receiver(post_save)",
        "a lookup built from input can reach any column": "Product.filter(**request.GET)",
        "a template is never told that a text is safe": "mark_safe(text)",
    }
    assert set(samples) == set(PATTERNS)
    for rule, sample in samples.items():
        assert re.search(PATTERNS[rule][1], sample), rule


def context_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield what stands in ``with`` as a bare name or attribute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                if isinstance(item.context_expr, ast.Name | ast.Attribute):
                    yield item.context_expr.lineno, ast.unparse(item.context_expr)


def test_no_tenant_is_a_context_manager():
    for path in SOURCES:
        for line, name in context_names(ast.parse(path.read_text())):
            assert "tenant" not in name.lower(), f"{path}:{line}: with {name}"
    assert list(context_names(ast.parse("with tenant: pass"))) == [(1, "tenant")]


def test_with_tenant_fails_at_once(acme):
    from shared_apps.tenants.models import Tenant

    for tenant in (acme, Tenant()):
        with pytest.raises(TypeError), tenant:
            pass


def test_schema_context_fails_at_once(acme):
    from django_tenants.utils import schema_context, tenant_context

    from shared_apps.tenants.scope import WrongScope

    for manager in (schema_context(acme.schema_name), tenant_context(acme)):
        with pytest.raises(WrongScope), manager:
            pass


def test_tenant_apps_keep_no_state_of_a_tenant_in_the_process():
    """A cache on a function or at module level would be shared by all tenants."""
    allowed = {"tenant_apps/users/tokens.py"}  # keyed by tenant id and key
    assert list(found(r"@(functools\.)?(lru_cache|cache)\b", allowed | platform())) == []


def platform() -> set[str]:
    ours = ROOT / "tenant_apps"
    return {str(path.relative_to(ROOT)) for path in SOURCES if ours not in path.parents}


def test_tenant_apps_never_mention_a_schema():
    assert list(found(r"schema_name|search_path|SET ROLE", platform())) == []
