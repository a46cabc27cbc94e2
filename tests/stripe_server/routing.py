"""Which function serves which request, and with which parameters."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .errors import Refused
from .parameters import decoded, read
from .state import Object, State

Handler = Callable[..., Object]


@dataclass(frozen=True)
class Route:
    method: str
    path: re.Pattern[str]
    declared: type | None
    handler: Handler
    served: dict[str, str]  # the parameter's name: the function's
    required: tuple[str, ...]


ROUTES: list[Route] = []


def route(line: str, declared: type | None = None) -> Callable[[Handler], Handler]:
    """Serve ``POST /v1/things/{id}``: ids come in their order, parameters by their names.

    A parameter that the SDK does not declare is refused as Stripe does; one that it declares and
    the function does not take is a 501, so that no test believes it was heeded.
    """
    method, path = line.split()
    pattern = re.compile(re.sub(r"{\w+}", r"([^/]+)", path))

    def serve(handler: Handler) -> Handler:
        parameters = keywords(handler)
        names = {one.name.rstrip("_"): one.name for one in parameters}
        required = tuple(one.name.rstrip("_") for one in parameters if one.default is one.empty)
        ROUTES.append(Route(method, pattern, declared, handler, names, required))
        ROUTES.sort(key=lambda one: one.path.groups)  # create_preview is no invoice's id
        return handler

    return serve


def keywords(handler: Handler) -> list[inspect.Parameter]:
    """Return what the function takes by name; ``**page`` is what every list takes."""
    parameters = inspect.signature(handler).parameters.values()
    page = any(one.kind is one.VAR_KEYWORD for one in parameters)
    return [
        *(one for one in parameters if one.kind is one.KEYWORD_ONLY),
        *(keywords(State.listed) if page else []),
    ]


def prepared(method: str, path: str, text: str) -> Callable[[State], Object]:
    """Return what executes the request; refuse what Stripe refuses before executing."""
    for one in ROUTES:
        if one.method == method and (match := one.path.fullmatch(path)):
            break
    else:
        text = f"Unrecognized request URL ({method}: {path})."
        raise Refused(404, text)
    params = decoded(text)
    if one.declared is not None:
        params = read(params, one.declared)
    expand = params.pop("expand", [])
    for name in one.required:
        if name not in params:
            text = f"Missing required param: {name}."
            raise Refused(400, text, code="parameter_missing", param=name)
    if others := sorted(params.keys() - one.served.keys()):
        text = f"This test server does not serve {others} of {method} {path}."
        raise Refused(501, text, type="api_error")
    given = {one.served[name]: value for name, value in params.items()}

    def execute(state: State) -> Object:
        found = one.handler(state, *match.groups(), **given)
        for line in expand:
            found = expanded(state, found, line.split("."), line)
        return found

    return execute


def expanded(state: State, value: Any, names: list[str], line: str) -> Any:
    """Return the object with the ids at ``names`` replaced by their objects."""
    if len(names) > 4:
        raise Refused(400, f"You cannot expand more than 4 levels of a property ({line}).")
    if not names:
        found = state.find(value) if isinstance(value, str) else value
        if found is not None or value is None:
            return found
        raise Refused(400, f"This property cannot be expanded ({line}).", param="expand")
    if isinstance(value, str):
        value = state.find(value)
    if isinstance(value, list):
        return [expanded(state, one, names, line) for one in value]
    if value is None:
        return None
    name, *rest = names
    if not isinstance(value, dict) or name not in value:
        raise Refused(400, f"This property cannot be expanded ({line}).", param="expand")
    if isinstance(value[name], list):
        return {**value, name: [expanded(state, one, rest, line) for one in value[name]]}
    return {**value, name: expanded(state, value[name], rest, line)}
