"""Links to a file for whoever holds them: signed, of one tenant, good for an hour or two."""

import time
from uuid import UUID

from django.core import signing
from django.urls import reverse

from shared_apps.tenants.links import portal_url, tenant_salt

HOUR = 3600


class LinkInvalid(ValueError):
    """A link is forged, another tenant's or too old."""


def _signer() -> signing.Signer:
    return signing.Signer(salt=tenant_salt("file"))


def signed_link(file_id: UUID | str) -> str:
    """Return an absolute URL that shows the file until the end of the next hour.

    Give it only to a person who may see the file now. All links of one hour are the same, so
    that browsers keep what they loaded.
    """
    expires = (int(time.time()) // HOUR + 2) * HOUR
    token = _signer().sign_object([str(file_id), expires])
    return portal_url(reverse("file", args=[token]))


def file_behind(token: str) -> UUID:
    """Return the id of the file that a link's ``token`` shows.

    Raises:
        LinkInvalid: the token is not good here, or no more.

    """
    try:
        file_id, expires = _signer().unsign_object(token)
    except (signing.BadSignature, ValueError) as error:
        raise LinkInvalid from error
    if time.time() > expires:
        raise LinkInvalid
    return UUID(file_id)
