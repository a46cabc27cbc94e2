"""Django's system checks, ours among them, as findings."""

from collections.abc import Iterator

from django.conf import settings
from django.core import checks

from .finding import Finding, error, warning


def is_local() -> bool:
    """Tell whether nobody but this machine can reach the installation (RFC 6761)."""
    return bool(f".{settings.FREEHOLD_DOMAIN}".endswith(".localhost"))


def at_all_times() -> Iterator[Finding]:
    """Find settings that are wrong everywhere."""
    for message in _messages(deploy=False):
        yield _finding(message, is_error=message.is_serious())


def in_deployment() -> Iterator[Finding]:
    """Find settings that are unsafe in the open; on ``localhost`` they are but warnings."""
    always = _messages(deploy=False)
    for message in _messages(deploy=True):
        if message not in always:
            yield _finding(message, is_error=message.is_serious() and not is_local())


def _messages(*, deploy: bool) -> list[checks.CheckMessage]:
    # Checks of models ask the database's version, and are the code's matter.
    tags = checks.registry.registry.tags_available(deployment_checks=True) - {"models", "database"}
    found = checks.run_checks(tags=sorted(tags), include_deployment_checks=deploy)
    return [m for m in found if m.level >= checks.WARNING and not m.is_silenced()]


def _finding(message: checks.CheckMessage, *, is_error: bool) -> Finding:
    tell = error if is_error else warning
    remedy = message.hint or "See Django's reference of system checks."
    return tell(message.id or "settings", message.msg, remedy)
