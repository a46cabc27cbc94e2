"""Every text for people is marked, and the German catalogue has each of them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import auditlog
import pytest
import rest_framework
import unfold
from django.apps import apps
from django.contrib.admin.utils import flatten_fieldsets
from django.template.base import Lexer, TokenType
from django.utils.functional import Promise

from config import library_texts
from config.messages import MO, PO, ROOT, SOURCES, as_mo, as_po, collect, untranslated
from shared_apps.tenants.admin_sites import operators_admin, tenant_admin
from tests.visible import WORD, texts_of

FILES = [path for folder in SOURCES for path in sorted((ROOT / folder).rglob("*.*"))]
TEMPLATES = [p for p in FILES if "templates" in p.parts and p.suffix in (".html", ".txt")]
# Modules that speak to people; the API's speak English.
SPEAKING = [
    path
    for path in FILES
    if re.search(r"(admin\w*|apps|dashboard|forms|models|page_forms|pages)\.py$", path.name)
]
# Names are the same in every language.
NAMES = {"Freehold", "API"}


# --- the catalogue --------------------------------------------------------------------------------


def test_the_catalogue_holds_what_is_marked_and_nothing_else():
    assert PO.read_text().splitlines() == as_po(collect()).decode().splitlines(), "make messages"


def test_what_django_reads_is_what_the_catalogue_says():
    assert MO.read_bytes() == as_mo(collect()), "make messages"


def test_every_text_is_translated():
    assert untranslated(collect()) == []


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)[a-z]|\{[\w:]*\}", text))


def test_a_translation_has_the_same_placeholders():
    for message in collect():
        given = [message.id] if isinstance(message.id, str) else message.id
        texts = [message.string] if isinstance(message.id, str) else message.string
        for text in texts:
            assert placeholders(text) == set.union(*map(placeholders, given)), message.id


@pytest.mark.parametrize(
    ("library", "texts"),
    [
        (unfold, library_texts.UNFOLD),
        (auditlog, library_texts.AUDITLOG),
        (rest_framework, library_texts.REST_FRAMEWORK),
    ],
)
def test_the_libraries_still_say_what_we_translate_for_them(library, texts):
    folder = Path(library.__file__).parent
    source = "".join(p.read_text() for p in folder.rglob("*.*") if p.suffix in (".py", ".html"))
    assert [text for text in texts if text not in source] == []


# --- what is not marked ---------------------------------------------------------------------------


def unmarked_in(template: str) -> list[str]:
    """Return the texts of a template that stand outside of what is translated."""
    html, arguments, is_left_out = [], [], False
    for token in Lexer(template).tokenize():
        kind, contents = token.token_type, token.contents
        if kind == TokenType.BLOCK:
            name = contents.split()[0]
            is_left_out = name in ("blocktranslate", "plural", "comment") or (
                is_left_out and name not in ("endblocktranslate", "endcomment")
            )
            arguments += re.findall(r'\w="([A-Z][^"]*)"', contents)
        elif kind == TokenType.VAR:
            arguments += re.findall(r'\|default\w*:"([^"]*)"', contents)
        elif kind == TokenType.TEXT and not is_left_out:
            html.append(contents)
    found = texts_of("".join(html)) + [text for text in arguments if WORD.search(text)]
    return [text for text in found if text.strip(",- ") not in NAMES]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_has_no_text_that_is_not_marked(path):
    assert unmarked_in(path.read_text()) == []


def test_unmarked_texts_of_templates_are_found():
    for template in (
        "<p>Hello</p>",
        '<img alt="A lamp">',
        '<p aria-label="{{ name }} by day">{{ name }}</p>',
        '{% include "x.html" with button="Join" %}',
        '{{ person|default:"nobody" }}',
        "{% blocktranslate %}Here{% endblocktranslate %} not here",
    ):
        assert unmarked_in(template), template
    for template in (
        '<p title="{% translate "Hello" %}">{% translate "Hello" %}</p>',
        "{% blocktranslate count n=n %}One{% plural %}Many{% endblocktranslate %}",
        '{% include "x.html" with button=_("Join") %}',
        '<input type="text" name="address">{{ day|date:"Y-m-d" }} Freehold',
    ):
        assert unmarked_in(template) == [], template


def is_text(node: ast.AST) -> bool:
    """Whether ``node`` is a text with a word in it, or an f-string with one."""
    if isinstance(node, ast.JoinedStr):
        return any(is_text(part) for part in node.values)
    is_string = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return is_string and WORD.search(node.value) is not None


NAMED = {"description", "label", "question", "title", "verbose_name", "verbose_name_plural"}
TOLD = {"ValidationError", "add_error", "error", "message_user", "success", "warning"}


def unmarked_in_code(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            names = [word.value for word in node.keywords if word.arg in NAMED]
            # One word is a field's name, the sentence comes after it.
            told = [a for a in node.args if called in TOLD and " " in ast.unparse(a)]
            yield from (ast.unparse(text) for text in names + told if is_text(text))
        elif isinstance(node, ast.Assign) and is_text(node.value):
            assigned = {getattr(target, "id", "") for target in node.targets}
            yield from [ast.unparse(node)] if assigned & NAMED else []


@pytest.mark.parametrize("path", SPEAKING, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_that_speaks_to_people_has_no_text_that_is_not_marked(path):
    assert list(unmarked_in_code(path.read_text())) == []


def test_unmarked_texts_of_code_are_found():
    for code in (
        'admin.display(description="roles")',
        'ValidationError("This is wrong.", code="wrong")',
        'self.message_user(request, f"Now {status} it is")',
        'class Meta:\n    verbose_name = "plan"',
    ):
        assert list(unmarked_in_code(code)), code
    for code in (
        'admin.display(description=_("roles"))',
        'ValidationError(_("This is wrong."), code="wrong")',
        'form.add_error("file", str(why))',
        'self.message_user(request, f"{order}: {error}")',
    ):
        assert list(unmarked_in_code(code)) == [], code


def labels_of(model_admin) -> Iterator[tuple[str, object]]:
    """Yield what an admin's pages call things, where a name in code would be shown instead."""
    meta = model_admin.model._meta
    fields = meta.concrete_fields + meta.many_to_many
    asked = model_admin.fields or flatten_fieldsets(model_admin.fieldsets or [])
    asked = asked or [field.name for field in fields if field.editable and not field.primary_key]
    listed = getattr(model_admin, "list_display", [])
    names = {*listed, *model_admin.readonly_fields, *asked} - {"__str__"}
    yield from (("model", meta.verbose_name), ("models", meta.verbose_name_plural))
    for field in fields:
        if field.name in names:
            yield field.name, field.verbose_name
            yield from ((field.name, text) for text in [field.help_text] if text)
            if field.name != "language":  # each language by its own name
                yield from ((field.name, label) for _, label in field.flatchoices)
    for name in names.union(getattr(model_admin, "actions", None) or []):
        function = getattr(model_admin, name, None)
        if callable(function):
            yield name, function.short_description
    for name, field in model_admin.form.declared_fields.items():
        yield name, field.label
        yield from ((name, text) for text in [field.help_text] if text)


ADMINS = [a for site in (tenant_admin, operators_admin) for a in site._registry.values()]
INLINES = [inline for admin in ADMINS for inline in admin.inlines]


@pytest.mark.parametrize("model_admin", ADMINS + INLINES, ids=str)
def test_an_admin_shows_no_name_that_is_not_marked(model_admin):
    unmarked = {name for name, text in labels_of(model_admin) if not isinstance(text, Promise)}
    assert unmarked == set()


def test_every_app_of_ours_has_a_name_that_is_marked():
    ours = [app for app in apps.get_app_configs() if app.name.startswith(SOURCES)]
    assert len(ours) > 5
    assert {app.name for app in ours if not isinstance(app.verbose_name, Promise)} == set()
