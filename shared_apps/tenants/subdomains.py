"""Which subdomains may be taken. The schema's name never comes from here."""

import re
import unicodedata

from django.db.models import Value
from django.utils.translation import gettext as _

from .models import Domain, looks_like, platform_host

_FORM = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,30})[a-z0-9]")
# The form of those that are neither punycode nor have two hyphens in a row, for documents.
PATTERN = r"[a-z0-9](?:-?[a-z0-9]){2,31}"

RESERVED = frozenset(
    """
    about abuse account accounts admin administrator api app apps assets auth autoconfig
    autodiscover billing blog cdn chat contact dashboard demo dev dns docs download email
    example files forum freehold ftp git help helpdesk host hostmaster imap info internal
    invoice ldap legal localhost login logout mail mailer-daemon marketing media metrics mx
    news noreply no-reply ns ns1 ns2 operator operators owner partner partners password pay
    payment payments pop pop3 portal postmaster press privacy prod production proxy public
    register root sales secure security server service shop signin signup smtp sso staff
    staging static stats status store stripe subdomain support sysadmin system team tenant
    tenants terms test testing tls ssl update upload user users vpn web webhook webhooks
    webmail webmaster wiki www www1 www2 wpad xmpp
    """.split()  # noqa: SIM905  # a list of words is read as one
)
# As `models.looks_like` has it, for names that no row holds.
_LOOKS_LIKE = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "3": "e", "-": None})


class SubdomainRefused(ValueError):
    """A subdomain that nobody can have; ``code`` is stable, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _skeleton(name: str) -> str:
    return name.translate(_LOOKS_LIKE).replace("rn", "m").replace("vv", "w")


_RESERVED_SKELETONS = frozenset(_skeleton(name) for name in RESERVED)


def check_subdomain(name: str) -> str:
    """Return ``name`` if its form is allowed.

    Raises:
        SubdomainRefused: it is not 3-32 of a-z, 0-9 and inner hyphens, is punycode, reserved,
            or reads like a reserved one.

    """
    if name != unicodedata.normalize("NFKC", name) or not _FORM.fullmatch(name):
        raise SubdomainRefused(
            "invalid",
            _("Use 3 to 32 of a-z, 0-9 and hyphens, with no hyphen at either end."),
        )
    if "--" in name:
        raise SubdomainRefused("invalid", _("Two hyphens in a row are not allowed."))
    if name in RESERVED or _skeleton(name) in _RESERVED_SKELETONS:
        raise SubdomainRefused("reserved", _("This name is reserved."))
    return name


def is_taken(name: str) -> bool:
    """Tell whether a portal has, or had, this subdomain, or one that reads like it.

    Runs in the public scope.
    """
    reads = looks_like("host")
    same = looks_like(Value(platform_host(name)))
    return Domain.objects.annotate(reads=reads).filter(reads=same).exists()


def why_not(name: str) -> str:
    """Say why nobody can sign up under ``name`` now; empty if they can. In the public scope."""
    try:
        return _("This address is taken.") if is_taken(check_subdomain(name)) else ""
    except SubdomainRefused as error:
        return str(error)
