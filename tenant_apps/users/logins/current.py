"""Which login a request belongs to."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request

from ..tokens import FAMILY_CLAIM


def login_of(request: Request) -> UUID | None:
    """Return the id of the login that ``request`` came with."""
    token: Any = request.auth
    return None if token is None else UUID(token[FAMILY_CLAIM])
