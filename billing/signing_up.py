"""Signing up: a company becomes a tenant, usable when the answer arrives.

One transaction claims a ready tenant from the pool, gives it its address, makes its owner and
its subscription, and turns it active. Whatever stops it, even ``kill -9``, leaves the pool's
tenant in the pool and the subdomain free.
"""

import time
from datetime import timedelta

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from shared_apps.plans.models import Plan
from shared_apps.tenants import scope
from shared_apps.tenants.failpoints import failpoint
from shared_apps.tenants.models import Domain, Tenant, platform_host
from shared_apps.tenants.provisioning import pool
from shared_apps.tenants.subdomains import is_taken
from tenant_apps.users.models import User
from tenant_apps.users.opening import open_portal

from . import beginning
from .models import Subscription

POOL_WAIT_SECONDS = 2.0
RECENT = timedelta(minutes=10)


class SubdomainTaken(ValueError):
    """Somebody has this subdomain, or is signing up for it at this moment."""


def sign_up(*, subdomain: str, company: str, email: str, password: str, plan: Plan) -> Tenant:
    """Make a tenant with its owner; runs in the public scope.

    ``subdomain`` has passed :func:`check_subdomain`, ``password`` the validators.

    Raises:
        SubdomainTaken: the name is not free.
        PoolEmpty: no ready tenant within two seconds; nothing was changed.

    """
    if is_taken(subdomain):
        raise SubdomainTaken(_("This address is taken."))
    # Slow on purpose, and so not while locks are held.
    password_hash = make_password(password)
    deadline = time.monotonic() + POOL_WAIT_SECONDS
    while True:
        try:
            return _claim(subdomain, company, email, password_hash, plan)
        except pool.PoolEmpty:
            # Empty, or all that is left is held by sign-ups about to commit or fail.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def just_opened(*, subdomain: str, email: str, password: str) -> Tenant | None:
    """Return the portal that was opened there minutes ago, by whoever sends the same again.

    A form may be sent twice, by a double click or a reload; runs in the public scope.
    """
    recent = timezone.now() - RECENT
    domain = (
        Domain.objects.select_related("tenant")
        .filter(host=platform_host(subdomain), tenant__claimed_at__gt=recent)
        .first()
    )
    if domain is None:
        return None
    with scope.tenant_scope(domain.tenant.snapshot()):
        owner = User.objects.filter(email=email, is_active=True).first()
        is_theirs = owner is not None and owner.check_password(password)
    return domain.tenant if is_theirs else None


def _claim(subdomain: str, company: str, email: str, password_hash: str, plan: Plan) -> Tenant:
    try:
        with transaction.atomic():
            _reserve(subdomain)
            tenant = pool.claim(name=company, plan=plan)
            failpoint("signup.after_claim")
            Domain.objects.create(host=platform_host(subdomain), tenant=tenant)
            Subscription.objects.create(
                tenant=tenant, plan=plan, owner_email=email, **beginning.terms(plan)
            )
            failpoint("signup.before_owner")
            with scope.tenant_scope(tenant.snapshot()):
                open_portal(name=company, email=email, password_hash=password_hash)
                beginning.enqueue()
            failpoint("signup.before_commit")
    except IntegrityError as error:
        raise SubdomainTaken(_("This address is taken.")) from error
    failpoint("signup.after_commit")
    return tenant


def _reserve(subdomain: str) -> None:
    """Let one sign-up for a name go on and refuse the others at once, without waiting.

    The lock ends with the transaction, however that ends.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"subdomain {subdomain}"]
        )
        [got_it] = cursor.fetchone()
    if not got_it or is_taken(subdomain):
        raise SubdomainTaken(_("This address is taken."))
