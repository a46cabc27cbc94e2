"""Where a login comes from, for the person to know it again."""

from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from django.http import HttpRequest

from shared_apps.tenants.limits import client_address

_LONGEST = 200


def origin_of(request: Any) -> dict[str, Any]:
    """Return ``user_agent`` (cut, of printable characters) and ``address`` (None if it is none)."""
    plain: HttpRequest = getattr(request, "_request", request)
    agent = "".join(c for c in plain.headers.get("User-Agent", "") if c.isprintable())
    address = None
    with suppress(ValueError):
        address = str(ip_address(client_address(plain)))
    return {"user_agent": agent[:_LONGEST], "address": address}
