"""Every code that the API answers with is explained in docs/errors.md, and no other."""

import ast
import re
from collections.abc import Iterator

from rest_framework import exceptions, fields, relations, serializers

from config.exceptions import STATUSES
from shared_apps.tenants.gate import _AFTER_GRACE, _TABLE
from tests.test_house_rules import ROOT, SOURCES

PAGE = ROOT / "docs" / "errors.md"
# Calls whose `code` is answered, and where it stands if it has no name.
_RAISED = {
    **dict.fromkeys(
        ("ValidationError", "ErrorDetail", "AuthenticationFailed", "PermissionDenied", "refuse"),
        None,
    ),
    "SubdomainRefused": 0,
    "error_answer": 2,
    "Refusal": 1,
    "fail": 0,
}
# Of forms in the admin, which answers with a page.
_ONLY_ON_PAGES = {"several", "refused", "nothing", "csrf_failed"}


def documented() -> set[str]:
    """Return the codes of the page's table."""
    return set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE))


def raised(source: str) -> Iterator[str]:
    """Yield the codes that stand in calls, and those of our own exceptions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in _RAISED:
                at = _RAISED[name]
                places = [k.value for k in node.keywords if k.arg == "code"]
                places += node.args[at : at + 1] if at is not None else []
                yield from (p.value for p in places if isinstance(p, ast.Constant))
        elif isinstance(node, ast.Assign) and "default_code" in map(ast.unparse, node.targets):
            yield ast.literal_eval(node.value)


def of_the_framework() -> Iterator[str]:
    """Yield the codes of the framework's own refusals and of its fields that we use."""
    for one in vars(exceptions).values():
        if isinstance(one, type) and issubclass(one, exceptions.APIException):
            yield one.default_code
    for module in (fields, relations, serializers):
        for one in vars(module).values():
            if isinstance(one, type) and issubclass(one, fields.Field):
                yield from one.default_error_messages


def ours() -> set[str]:
    """Return the codes of our own code."""
    found = {code for _status, code in STATUSES.values()}
    found |= {why.code for row in (*_TABLE.values(), _AFTER_GRACE) for why in row.values() if why}
    for path in SOURCES:
        if ROOT / "tests" not in path.parents:
            found |= set(raised(path.read_text()))
    return found - _ONLY_ON_PAGES


def test_every_code_of_ours_is_explained():
    assert ours() - documented() == set()


def test_no_code_is_explained_that_nobody_answers():
    others = {
        "invalid_parameter",
        "unique",
        "blank",
        "password_too_common",
        "password_entirely_numeric",
    }
    assert documented() - ours() - set(of_the_framework()) - others == set()


def test_a_code_is_found_wherever_it_stands():
    assert list(raised("raise ValidationError('x', code='a')")) == ["a"]
    assert list(raised("error_answer(request, 404, 'b', 'x')")) == ["b"]
    assert list(raised("x = Refusal(404, 'c', 'x')")) == ["c"]
    assert list(raised("self.fail('d')")) == ["d"]
    assert list(raised("class A(APIException):\n    default_code = 'e'")) == ["e"]
