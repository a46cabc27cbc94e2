"""JSON as RFC 8259 has it, and nothing that PostgreSQL could not keep."""

from typing import Any

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


class StrictJSONParser(BaseParser):
    """``application/json``: valid UTF-8, no lone surrogates, no NaN, no NUL, no endless depth."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return the body's value.

        Raises:
            ParseError: it is not JSON, or holds a NUL character.

        """
        body = stream.read()
        try:
            data = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not valid JSON: {error}.") from error
        if rb"\u0000" in body and _has_nul(data):
            raise ParseError("A text holds a NUL character.")
        return data


def _has_nul(data: Any) -> bool:
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and "\x00" in value:
            return True
        if isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value
    return False
