"""Asking somebody in, and their coming.

Nobody invites into a role beyond their reach, neither when they ask nor when the link is used:
an invitation is worth as much as whoever sent it is by then.
"""

from collections.abc import Iterable
from datetime import timedelta

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shared_apps.tenants.links import portal_url
from shared_apps.tenants.plan_limits import check_room
from tenant_apps.history.recording import record
from tenant_apps.integrations import outbox
from tenant_apps.integrations.models import OutboxEntry

from ..links import LinkInvalid
from ..mailing import send_mail
from ..models import Invitation, Role, User
from ..roles.giving import BeyondReach, check_reach

LIFETIME = timedelta(days=7)


class AlreadyThere(ValueError):
    """Whoever is invited is a person of the portal."""


class AlreadyInvited(ValueError):
    """There is an open invitation for this address."""


class InvitationClosed(ValueError):
    """The invitation was accepted or revoked."""


def invite(*, acting: User, email: str, roles: Iterable[Role]) -> Invitation:
    """Invite ``email`` into ``roles`` and mail them a link.

    Raises:
        BeyondReach: a role is beyond the reach of ``acting``.
        AlreadyThere: there is such a person.
        AlreadyInvited: there is an open invitation.
        LimitReached: the plan has no room for one more person now. (An invitation keeps no
            place: whoever comes first has it.)

    """
    address, chosen = email.strip().lower(), list(roles)
    check_invitation(acting=acting, email=address, roles=chosen)
    try:
        with transaction.atomic():
            for old in Invitation.objects.pending().filter(email=address, expires_at__lte=Now()):
                old.close("revoked_at")
            invitation: Invitation = Invitation.objects.create_for(
                address, roles=chosen, invited_by=acting, expires_at=timezone.now() + LIFETIME
            )
            _mail(invitation)
    except IntegrityError as error:
        raise _already_invited() from error
    return invitation


def check_invitation(*, acting: User, email: str, roles: Iterable[Role]) -> None:
    """Refuse what :func:`invite` would refuse now.

    Raises:
        BeyondReach, AlreadyThere, AlreadyInvited, LimitReached: as :func:`invite`.

    """
    address = email.strip().lower()
    check_reach(acting=acting, roles=roles)
    _check_free(address)
    if Invitation.objects.open().filter(email=address).exists():
        raise _already_invited()
    check_room(User)


def resend(*, acting: User, invitation: Invitation) -> None:
    """Mail a new link, in the name of ``acting``; the former one is void.

    Raises:
        BeyondReach: a role of it is beyond the reach of ``acting``.
        AlreadyThere: there is such a person by now.
        InvitationClosed: it was accepted or revoked.

    """
    check_reach(acting=acting, roles=invitation.roles.all())
    _check_free(invitation.email)
    with transaction.atomic():
        before = invitation.expires_at
        renewed = Invitation.objects.pending().filter(pk=invitation.pk)
        if not renewed.update(
            serial=F("serial") + 1,
            digest=None,
            invited_by=acting,
            expires_at=timezone.now() + LIFETIME,
        ):
            raise InvitationClosed(_("This invitation was accepted or revoked."))
        invitation.refresh_from_db()
        record(invitation, expires_at=(before, invitation.expires_at))
        _mail(invitation)


def revoke(*, acting: User, invitation: Invitation) -> None:
    """Make its link void.

    Raises:
        BeyondReach: a role of it is beyond the reach of ``acting``.
        InvitationClosed: it was accepted or revoked.

    """
    check_reach(acting=acting, roles=invitation.roles.all())
    if not invitation.close("revoked_at"):
        raise InvitationClosed(_("This invitation was accepted or revoked."))


def send(entry: OutboxEntry) -> None:
    """Mail the link that an outbox entry asks for, unless a later one replaced it."""
    wanted = {"pk": entry.payload["invitation"], "serial": entry.payload["serial"]}
    invitation = Invitation.objects.open().filter(**wanted).first()
    if invitation is None:
        return
    token = invitation.make_token()
    send_mail(
        to=invitation.email,
        subject=_("You are invited"),
        template="users/invitation",
        context={
            "link": portal_url(reverse("invitation", args=[token])),
            "invited_by": invitation.invited_by,
        },
        message_id=str(entry.pk),
    )


def open_invitation(token: str) -> Invitation:
    """Return the invitation that ``token`` opens.

    Raises:
        LinkInvalid: it is unknown, expired, revoked or used, there is such a person by now, or
            whoever sent it could not do so any more.

    """
    found = Invitation.objects.open().named_by(token).of_nobody_here()
    invitation: Invitation | None = found.first()
    if invitation is None or not invitation.is_opened_by(token) or not _still_stands(invitation):
        raise LinkInvalid
    return invitation


def accept(*, token: str, name: str, password: str) -> User:
    """Make the person who was invited, with the roles; their address is confirmed by that.

    ``password`` has passed the validators. Of two who use one link at once, one wins.

    Raises:
        LinkInvalid: as :func:`open_invitation`.
        LimitReached: the plan has no room; the link stays good.

    """
    # First, and whatever the link: nothing can be told from how long it takes.
    password_hash = make_password(password)
    try:
        with transaction.atomic():
            invitation = open_invitation(token)
            if not invitation.close("accepted_at"):
                raise LinkInvalid
            values = {"name": name, "email_verified_at": timezone.now()}
            return User.objects.create_with_roles(
                invitation.email, password_hash, roles=invitation.roles.all(), **values
            )
    except IntegrityError as error:
        raise LinkInvalid from error


def _already_invited() -> AlreadyInvited:
    return AlreadyInvited(_("This address was invited before; send that again instead."))


def _check_free(address: str) -> None:
    if User.objects.filter(email=address).exists():
        raise AlreadyThere(_("%(email)s is a person of this portal.") % {"email": address})


def _mail(invitation: Invitation) -> None:
    payload = {"invitation": str(invitation.pk), "serial": invitation.serial}
    outbox.enqueue("users.invitation", payload)


def _still_stands(invitation: Invitation) -> bool:
    """Ask whether whoever invited could still do so: they may have been dismissed since."""
    by = invitation.invited_by
    if by is None or not by.is_active or not by.has_perm("users.invite_user"):
        return False
    try:
        check_reach(acting=by, roles=invitation.roles.all())
    except BeyondReach:
        return False
    return True
