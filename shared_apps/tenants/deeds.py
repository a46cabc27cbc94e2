"""Which deed a request is, by its path and method: what the gate is asked."""

import re

from django.http import HttpRequest

from .gate import Deed

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

# Signing in and out, with a new password if need be, changes nothing of the tenant's: whoever
# is to read, or to pay, must be able to.
SIGNING_PATHS = frozenset(
    {
        *("/api/auth/login/", "/api/auth/refresh/", "/api/auth/logout/"),
        "/api/auth/token/",
        *("/api/auth/password-reset/", "/api/auth/password-reset/confirm/"),
        *("/admin/login/", "/admin/logout/", "/forgotten-password/"),
        *("/sign-in/", "/sign-out/"),
    }
)
BILLING_PATHS = ("/api/billing/", "/admin/billing/")
_RESET_PAGE = "/reset-password/"
# An export takes a form, and so a POST; nobody is kept from what is theirs.
_EXPORT = re.compile(r"/admin/[a-z]+/[a-z]+/export/")
# Who one is, what was used, and what those pages look like.
_READ_TO_SETTLE = frozenset({"/api/me/", "/api/usage/", "/look.css", "/logo/"})


def deed_of(request: HttpRequest) -> Deed:
    """Return what somebody wants to do with ``request``."""
    path, reads = request.path, request.method in _SAFE_METHODS
    if (
        path in SIGNING_PATHS
        or path.startswith((*BILLING_PATHS, _RESET_PAGE))
        or _EXPORT.fullmatch(path)
        or (reads and path in _READ_TO_SETTLE)
    ):
        return Deed.SETTLE
    return Deed.READ if reads else Deed.WRITE
