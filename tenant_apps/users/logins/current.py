"""Which login a request belongs to."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request

from ..tokens import FAMILY_CLAIM
from .browsers import session_login


def login_of(request: Request) -> UUID | None:
    """Return the id of the login that ``request`` came with: its token's, or its session's."""
    token: Any = request.auth
    return session_login(request._request) if token is None else UUID(token[FAMILY_CLAIM])
