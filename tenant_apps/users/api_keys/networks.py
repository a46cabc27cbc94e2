"""The addresses that a key may be used from."""

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address, ip_network

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _


def an_ip_network(value: str) -> None:
    """Refuse what is neither an address nor a network as 203.0.113.0/24.

    Raises:
        ValidationError: it is neither.

    """
    try:
        ip_network(value)
    except ValueError as error:
        raise ValidationError(
            _("This is neither an address nor a network, as 203.0.113.0/24."), code="no_network"
        ) from error


def is_in(address: str, networks: Iterable[str]) -> bool:
    """Tell whether one of ``networks`` holds ``address``; IPv4 within IPv6 is IPv4."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return any(found in ip_network(network) for network in networks)
