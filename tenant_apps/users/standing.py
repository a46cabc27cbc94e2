"""What a portal's pages say of how it stands: nothing is asked of the shared side.

Its owner is told why and until when; everybody else only that nothing can be changed.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from shared_apps.tenants.active import ActiveTenant
from shared_apps.tenants.gate import Deed, refusal, refused_but_owners
from shared_apps.tenants.links import BILLING_PAGE
from shared_apps.tenants.models import TenantStatus

from .roles.ownership import is_owner

_TRIAL_SHOWN = timedelta(days=3)


class Banner(NamedTuple):
    """A line above a page, and where that is settled, if the reader can."""

    text: str
    link: str = ""


def banner(tenant: ActiveTenant, user: Any) -> Banner | None:
    """Return what ``user`` is told above each page of a portal that is not shut."""
    if refused_but_owners(tenant):
        return None
    is_read_only = refusal(tenant, Deed.WRITE) is not None
    # Only of a portal with something to say are owners looked up.
    text = _to_owners(tenant, is_read_only=is_read_only)
    if text and user.is_staff and is_owner(user):
        return Banner(text, BILLING_PAGE)
    if is_read_only:
        return Banner(_("This portal is read-only for now: nothing can be changed or ordered."))
    return None


def _to_owners(tenant: ActiveTenant, *, is_read_only: bool) -> str:
    now = datetime.now(UTC)
    if tenant.status == TenantStatus.PAST_DUE and (until := tenant.grace_until):
        if is_read_only:
            return _(
                "A payment failed: since %(since)s this portal is read-only; on %(until)s it is"
                " suspended."
            ) % {"since": _said(until), "until": _said(until + settings.DUNNING_READ_ONLY)}
        return _(
            "A payment failed: everything works until %(until)s, then this portal is read-only."
        ) % {"until": _said(until)}
    if tenant.plan_ends_at is not None and now < tenant.plan_ends_at:
        return _(
            "The subscription ends on %(until)s; then this portal goes on with the free plan."
        ) % {"until": _said(tenant.plan_ends_at)}
    if (ends := tenant.trial_ends_at) is not None and now < ends <= now + _TRIAL_SHOWN:
        return _("On %(until)s the trial ends.") % {"until": _said(ends)}
    return ""


def _said(moment: datetime) -> str:
    return date_format(localtime(moment), "DATETIME_FORMAT")
