"""The one gate that HTTP, tasks and admin ask: what may happen in a tenant of this status."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _

from .active import ActiveTenant
from .models import TenantStatus


class Deed(StrEnum):
    """What somebody wants to do in a tenant."""

    READ = "read"
    WRITE = "write"
    SETTLE = "settle"  # pay, export, contact
    USER_TASK = "user_task"
    HOUSEKEEPING = "housekeeping"


class Refusal(NamedTuple):
    """Why not, as HTTP says it."""

    http_status: int
    code: str
    detail: Any


_UNKNOWN = Refusal(404, "not_found", _("There is no portal at this address."))
_SUSPENDED = Refusal(403, "tenant_suspended", _("This portal is suspended."))
_UNPAID = Refusal(402, "payment_required", _("This portal is read-only until it is paid for."))
_CLOSING = Refusal(403, "tenant_closing", _("This portal is being closed."))

# status -> deed -> None (allowed) or the refusal. The owner's own deeds on a suspended or
# closing portal are SETTLE; that it is the owner is asked where people sign in.
_TABLE: dict[str, dict[Deed, Refusal | None]] = {
    TenantStatus.PROVISIONING: dict.fromkeys(Deed, _UNKNOWN) | {Deed.HOUSEKEEPING: None},
    TenantStatus.ACTIVE: dict.fromkeys(Deed),
    TenantStatus.PAST_DUE: dict.fromkeys(Deed),
    TenantStatus.SUSPENDED: dict.fromkeys(Deed, _SUSPENDED)
    | {Deed.SETTLE: None, Deed.HOUSEKEEPING: None},
    TenantStatus.CLOSING: dict.fromkeys(Deed, _CLOSING)
    | {Deed.SETTLE: None, Deed.HOUSEKEEPING: None},
    TenantStatus.CLOSED: dict.fromkeys(Deed, _UNKNOWN),
}
_AFTER_GRACE: dict[Deed, Refusal | None] = dict.fromkeys(Deed) | {
    Deed.WRITE: _UNPAID,
    Deed.USER_TASK: _UNPAID,
}


def refusal(tenant: ActiveTenant, deed: Deed) -> Refusal | None:
    """Return None if ``deed`` is allowed in ``tenant`` now, else why not."""
    grace_over = tenant.grace_until is not None and datetime.now(UTC) >= tenant.grace_until
    if tenant.status == TenantStatus.PAST_DUE and grace_over:
        return _AFTER_GRACE[deed]
    return _TABLE[tenant.status][deed]


def refused_but_owners(tenant: ActiveTenant) -> Refusal | None:
    """Return None if anybody may be in ``tenant``; else what all but its owners are told."""
    return refusal(tenant, Deed.READ)
