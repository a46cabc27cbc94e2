"""What each operation may answer instead, in the OpenAPI documents: statuses and one format.

A view names a refusal of its own as ``409: None``; what any request may meet is added here.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.conf import settings

from config.openapi_examples import refusal
from shared_apps.tenants.api_limit import ALWAYS_PATHS
from shared_apps.tenants.deeds import BILLING_PATHS, SIGNING_PATHS

ERROR_DETAIL = {
    "type": "object",
    "properties": {
        "code": {"type": "string", "description": "Stable, for programs."},
        "detail": {"type": "string", "description": "For people."},
        "attr": {
            "type": ["string", "null"],
            "description": "The field or parameter it is about, if one.",
        },
    },
    "required": ["code", "detail", "attr"],
    "additionalProperties": False,
}
ERROR = {
    "type": "object",
    "description": "The one format of every refusal.",
    "properties": {
        "type": {"enum": ["validation_error", "client_error", "server_error"], "type": "string"},
        "errors": {
            "type": "array",
            "minItems": 1,
            "items": {"$ref": "#/components/schemas/ErrorDetail"},
        },
    },
    "required": ["type", "errors"],
    "additionalProperties": False,
}
_SECONDS = {
    "schema": {"type": "integer", "minimum": 1},
    "description": "Seconds.",
    "required": True,
}
# Structured fields; see docs/errors.md.
_STANDING = {
    name: {"schema": {"type": "string"}, "description": told}
    for name, told in (
        ("RateLimit", "How many requests are left, and for how many seconds, by limit."),
        ("RateLimit-Policy", "How many requests there are in how many seconds, by limit."),
    )
}
_ETAG = {
    "schema": {"type": "string"},
    "description": "The version that is answered: strong of one object, weak (W/) of a list.",
    "required": True,
}
_HEADERS = {
    304: {"ETag": _ETAG},
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}},
    429: {"Retry-After": _SECONDS, **_STANDING},
    503: {"Retry-After": _SECONDS},
    409: {"Retry-After": {**_SECONDS, "required": False}},
}
# What a request's header may come to, beside the usual.
_BY_HEADER = {"Idempotency-Key": 422, "If-Match": 412}
_REPLAYED = {"schema": {"const": "true"}, "description": "It is the first answer, sent again."}
_WRITES = {"post", "put", "patch", "delete"}
_WITH_BODY = {"post", "put", "patch"}


def add_refusals(result: Any, generator: Any, request: Any, public: bool) -> Any:
    """Give every operation the refusals it may answer (a hook of the library's)."""
    is_tenants = generator.urlconf != settings.PUBLIC_SCHEMA_URLCONF
    components = result.setdefault("components", {})
    used: set[int] = set()
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            answers = operation["responses"]
            named = {int(status) for status in answers if int(status) >= 400}
            statuses = named | set(_refusals(path, method, operation, is_tenants=is_tenants))
            used |= statuses
            _add_conditions(operation)
            # What has a form of its own (OAuth's) keeps it.
            ours = [s for s in sorted(statuses) if "content" not in answers.get(str(s), {})]
            answers.update({str(s): {"$ref": _reference(s)} for s in ours})
    components.setdefault("schemas", {}).update(Error=ERROR, ErrorDetail=ERROR_DETAIL)
    components["responses"] = {_name(status): _refusal(status) for status in sorted(used)}
    return result


def _refusals(path: str, method: str, operation: Any, *, is_tenants: bool) -> Iterator[int]:
    yield from (400, 406, 429, 500, 503)
    parameters = operation.get("parameters", [])
    yield from (_BY_HEADER[each["name"]] for each in parameters if each["name"] in _BY_HEADER)
    if any(operation.get("security", [])):
        yield 401
    if is_tenants:
        yield 403  # no permission, or a portal that is suspended
    if is_tenants and not path.startswith(ALWAYS_PATHS):
        yield 402  # the requests of this month are used up
    settles = path in SIGNING_PATHS or path.startswith(BILLING_PATHS)
    if is_tenants and method in _WRITES and not settles:
        yield 402  # a portal that is read-only until it is paid for
    if any(each["in"] == "path" or each["name"] == "cursor" for each in parameters):
        yield 404
    if method in _WITH_BODY:
        yield from (413, 415)
    if method in _WRITES and is_tenants and path not in SIGNING_PATHS:
        yield 409  # two wrote at once, and this one lost


def _add_conditions(operation: Any) -> None:
    """Tell the headers of answers to conditional requests, and to those with a key."""
    taken = {each["name"] for each in operation.get("parameters", [])}
    answers = operation["responses"]
    for status, answer in answers.items():
        if taken & {"If-None-Match", "If-Match"} and status == "200":
            answer["headers"] = {"ETag": _ETAG}
        if "Idempotency-Key" in taken and status < "300":
            answer["headers"] = {"Idempotent-Replayed": _REPLAYED}
    if "If-None-Match" in taken:
        answers["304"] = {"description": HTTPStatus(304).phrase, "headers": _HEADERS[304]}


def _name(status: int) -> str:
    return "".join(word.capitalize() for word in HTTPStatus(status).phrase.split())


def _reference(status: int) -> str:
    return f"#/components/responses/{_name(status)}"


def _refusal(status: int) -> dict[str, Any]:
    described: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Error"},
                "example": refusal(status),
            }
        },
    }
    if headers := _HEADERS.get(status):
        described["headers"] = headers
    return described
