"""A rule of the settings: a function that returns what offends against it."""

from collections.abc import Callable, Iterable
from typing import Any

from django.core import checks

Offences = Callable[[], Iterable[str]]


def rule(
    name: str, message: str, hint: str, *, deploy: bool = False
) -> Callable[[Offences], Offences]:
    """Register a function as the system check ``freehold.<name>``: E... an error, W... a warning.

    ``message`` is told, with what the function returns for ``{}``, unless that is nothing. With
    ``deploy`` it is asked by ``check --deploy`` and ``doctor`` alone.
    """
    kind = checks.Error if name.startswith("E") else checks.Warning

    def register(offences: Offences) -> Offences:
        def check(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
            found = ", ".join(offences())
            text = message.format(found)
            return [kind(text, hint=hint, id=f"freehold.{name}")] if found else []

        checks.register(check, checks.Tags.security, deploy=deploy)
        return offences

    return register
