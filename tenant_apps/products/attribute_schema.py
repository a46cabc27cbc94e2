"""What a category says of its products' attributes: which there are, and of what type.

A schema is ``{name: {"type": ..., "choices": [...], "required": bool, "unit": "..."}}``; all but
the type may be left out, and choices belong to the type ``choice`` alone. An empty schema says
nothing: whatever attributes there are stay allowed.
"""

import re
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

# Two underscores stand before a filter's lookup: `attributes.size__gte`.
NAME_FORM = r"^_?[a-z0-9]+(?:_[a-z0-9]+)*_?$"
MAX_NAME = 40
MAX_ATTRIBUTES = 50
MAX_CHOICES = 100
MAX_CHOICE = 100
MAX_UNIT = 20

# the types, and what a value of each is called
TYPES = {
    "text": gettext_lazy("a text"),
    "number": gettext_lazy("a number"),
    "integer": gettext_lazy("a whole number"),
    "boolean": gettext_lazy("true or false"),
    "choice": gettext_lazy("one of its choices"),
}
NUMBERS = {"number", "integer"}
_INTEGER = r"-?[0-9]{1,15}"
_NUMBER = rf"{_INTEGER}\.[0-9]{{1,10}}"


def check_schema(schema: Any) -> None:
    """Refuse what is no attribute schema.

    Raises:
        ValidationError: a message for each attribute that is wrong.

    """
    if len(schema) > MAX_ATTRIBUTES:
        raise ValidationError(
            _("At most %(most)s attributes.") % {"most": MAX_ATTRIBUTES}, code="attribute_schema"
        )
    errors = [f"{name[:MAX_NAME]}: {why}" for name in schema if (why := _why_not(name, schema))]
    if errors:
        raise ValidationError([ValidationError(each, code="attribute_schema") for each in errors])


def _why_not(name: str, schema: dict[str, Any]) -> str:
    """Return why the attribute ``name`` cannot be declared so; empty if it can."""
    declared = schema[name]
    if len(name) > MAX_NAME or not re.fullmatch(NAME_FORM, name):
        return _("A name is 1 to 40 of a-z, 0-9 and single _.")
    if not isinstance(declared, dict):
        return _("This must be an object.")
    if unknown := declared.keys() - {"type", "choices", "required", "unit"}:
        return _("There is no such property: %(name)s.") % {"name": min(unknown)[:MAX_NAME]}
    kind = declared.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        return _("The type is one of: %(types)s.") % {"types": ", ".join(TYPES)}
    if not isinstance(declared.get("required", False), bool):
        return _("“required” is true or false.")
    if not _is_text(declared.get("unit", "-"), MAX_UNIT):
        return _("“unit” is a text of 1 to 20 characters.")
    if kind != "choice":
        return _("Only a choice has choices.") if "choices" in declared else ""
    choices = declared.get("choices")
    if not isinstance(choices, list) or not all(_is_text(each, MAX_CHOICE) for each in choices):
        choices = []
    if not 0 < len(choices) <= MAX_CHOICES:
        return _("A choice has 1 to 100 choices, texts of 1 to 100 characters.")
    return _("A choice stands there twice.") if len(set(choices)) < len(choices) else ""


def _is_text(value: Any, longest: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= longest


def check_attributes(attributes: dict[str, Any], schema: dict[str, Any]) -> None:
    """Refuse attributes that are not as ``schema`` says; one that is empty says nothing.

    Raises:
        ValidationError: a message for each attribute that is unknown, missing or of another type.

    """
    errors = list(_mistakes(attributes, schema)) if schema else []
    if errors:
        raise ValidationError([ValidationError(each, code="attribute") for each in errors])


def _mistakes(attributes: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    for name, value in attributes.items():
        if name not in schema:
            yield _("The category has no attribute “%(name)s”.") % {"name": name[:MAX_NAME]}
        elif not is_of_type(value, schema[name]):
            called = TYPES[schema[name]["type"]]
            yield _("“%(name)s” must be %(called)s.") % {"name": name, "called": called}
    for name in schema:
        if schema[name].get("required") and name not in attributes:
            yield _("“%(name)s” is required.") % {"name": name}


def is_of_type(value: Any, declared: dict[str, Any]) -> bool:
    """Return whether ``value`` is what an attribute declared so can be."""
    match declared["type"]:
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "choice":
            return value in declared["choices"]
        case _:
            return isinstance(value, str)


def values_of(text: str, kinds: set[str]) -> list[Any]:
    """Return what ``text`` can be as a value of one of ``kinds``."""
    values: list[Any] = []
    if kinds & {"text", "choice"} and text:
        values.append(text)
    if "boolean" in kinds and text in ("true", "false"):
        values.append(text == "true")
    if kinds & NUMBERS and re.fullmatch(_INTEGER, text):
        values.append(int(text))
    if "number" in kinds and re.fullmatch(_NUMBER, text):
        values.append(float(text))
    return values


def from_options(options: dict[str, list[str]], schema: dict[str, Any]) -> dict[str, Any]:
    """Return a file's options as attributes: by the names of ``schema``, each of its type.

    "Shoe Size" is ``shoe_size``, and "450 g" is 450 where the unit is g. What the schema has not
    or cannot be stays, for :func:`check_attributes` to name.

    Raises:
        ValidationError: an option has several values, and an attribute is one.

    """
    attributes: dict[str, Any] = {}
    for option, values in options.items():
        name = re.sub(r"[\s_-]+", "_", option.lower())
        if name not in schema:
            attributes[option] = values
        elif len(values) > 1 or name in attributes:
            raise ValidationError(
                _("“%(name)s” has several values here, and one in its category: %(values)s.")
                % {"name": option[:MAX_NAME], "values": ", ".join(values)[:MAX_CHOICE]},
                code="attribute",
            )
        elif values:
            attributes[name] = _typed(values[0], schema[name])
    return attributes


def _typed(text: str, declared: dict[str, Any]) -> Any:
    """Return ``text`` as what an attribute declared so can be; itself if it can be nothing."""
    if declared["type"] == "choice":
        return next((each for each in declared["choices"] if each.lower() == text.lower()), text)
    if declared["type"] == "text":
        return text
    bare = text.removesuffix(declared.get("unit", "")).strip().lower()
    return next(iter(values_of(bare, {declared["type"]})), text)
