"""Limits of the public host, as DRF asks for them."""

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from shared_apps.tenants import limits


class SignUpLimit(BaseThrottle):
    """How many companies may sign up from one address."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the try; raises when the limit is exhausted."""
        limits.count("signup", request._request)
        return True
