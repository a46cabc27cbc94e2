"""The tenant as running code sees it: immutable, made from the shared side once."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from shared_apps.plans.entitlements import Entitlements


@dataclass(frozen=True, slots=True)
class ActiveTenant:
    """What tenant code may know of the shared side, without a query.

    ``settings`` is the tenant's own portal settings as last committed, ``entitlements`` what
    its plan gives, ``primary_host`` the host that links in mails use.
    """

    id: UUID
    schema_name: str
    name: str
    status: str
    primary_host: str
    plan_code: str = ""
    grace_until: datetime | None = None
    trial_ends_at: datetime | None = None
    plan_ends_at: datetime | None = None
    changed_at: datetime | None = None
    cache_generation: str = "0"
    entitlements: Entitlements = field(default_factory=Entitlements)
    settings: dict[str, Any] = field(default_factory=dict)
