"""A form's parameters, read and refused by the types that the SDK declares for them."""

import re
import sys
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

from stripe import RequestOptions

from .errors import Refused


def decoded(text: str) -> dict[str, Any]:
    """Return ``items[0][price]=p`` as ``{"items": {"0": {"price": "p"}}}``."""
    fields: dict[str, Any] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        *outer, last = re.findall(r"[^\[\]]+|(?<=\[)(?=\])", key)
        place = fields
        for name in outer:
            place = place.setdefault(name or str(len(place)), {})
            if not isinstance(place, dict):
                raise Refused(400, f"Invalid {key}", param=key)
        place[last or str(len(place))] = value
    return fields


@cache
def fields_of(declared: type) -> dict[str, Any]:
    """Return the parameters that Stripe has, each with its type."""
    names = {"StripeContext": object, "Mapping": Mapping, **vars(sys.modules[declared.__module__])}
    hints = get_type_hints(declared, localns=names)
    return {
        name: hint for name, hint in hints.items() if name not in RequestOptions.__annotations__
    }


def read(value: Any, hint: Any, name: str = "") -> Any:
    """Return the value as its type, or refuse it as Stripe does."""
    if hasattr(hint, "__required_keys__"):  # a TypedDict
        return _fields(value, hint, name)
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _one_of(value, get_args(hint), name)
    if origin is Literal:
        return _enumerated(value, get_args(hint), name)
    if origin is list:
        if not isinstance(value, dict):
            raise Refused(400, "Invalid array", param=name)
        (inner,) = get_args(hint)
        return [read(one, inner, f"{name}[{at}]") for at, one in value.items()]
    if origin is dict or not isinstance(value, str):
        if isinstance(value, dict) is not (origin is dict):
            raise Refused(400, f"Invalid {'object' if origin is dict else 'string'}", param=name)
        return value
    return _scalar(value, hint, name)


def _fields(value: Any, declared: type, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused(400, "Invalid object", param=name)
    known, found = fields_of(declared), {}
    for key, inner in value.items():
        path = f"{name}[{key}]" if name else key
        if key not in known:
            text = f"Received unknown parameter: {path}"
            raise Refused(400, text, code="parameter_unknown", param=path)
        found[key] = read(inner, known[key], path)
    return found


def _one_of(value: Any, hints: tuple[Any, ...], name: str) -> Any:
    literals = [text for hint in hints for text in get_args(hint) if get_origin(hint) is Literal]
    if value in literals:
        return value
    others = [hint for hint in hints if get_origin(hint) is not Literal and hint is not type(None)]
    if any(literals) and others == [str]:  # the SDK adds `str` for what is to come
        return _enumerated(value, tuple(literals), name)
    first_str_last = sorted(others, key=lambda hint: hint is str)
    refused = Refused(400, f"Invalid {name}", param=name)
    for hint in first_str_last:
        try:
            return read(value, hint, name)
        except Refused as error:
            deeper = error.body["error"].get("param", "")
            if hint is first_str_last[0] or deeper != name:
                refused = error
    raise refused


def _enumerated(value: Any, literals: tuple[Any, ...], name: str) -> Any:
    if value in literals:
        return value
    text = f"Invalid {name}: must be one of {', '.join(str(one) for one in literals if one)}"
    raise Refused(400, text, param=name)


def _scalar(value: str, hint: Any, name: str) -> Any:
    if value == "":
        text = f"You passed an empty string for '{name}'."
        raise Refused(400, text, code="parameter_invalid_empty", param=name)
    if hint is bool:
        if value in ("true", "false"):
            return value == "true"
        raise Refused(400, f"Invalid boolean: {value}", param=name)
    try:
        if hint is int:
            return int(value)
        if hint in (float, Decimal):
            return hint(value)
    except (ValueError, ArithmeticError):
        code = "parameter_invalid_integer"
        raise Refused(400, f"Invalid integer: {value}", code=code, param=name) from None
    return value
