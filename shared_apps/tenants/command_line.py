"""Run a management command in the scope its options name, with none as the default."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import django
from django.core.management import CommandError, execute_from_command_line

from . import scope

# Stock commands that make sense in one scope only.
DEFAULT_SCOPES = {"makemigrations": "owner"}


def execute(argv: list[str]) -> None:
    """Run ``argv`` as Django does, after taking ``--tenant X``, ``--public``, ``--owner`` off.

    X is a tenant's subdomain, host name, schema or id. Without any of them there is no scope:
    a command of ours enters its own, and a stock one that touches the database says that it
    needs one.
    """
    rest, name, value = _split(argv)
    try:
        with _scope(name, value):
            execute_from_command_line(rest)
    except CommandError as error:
        raise SystemExit(f"Error: {error}") from error
    except scope.NoActiveTenant as error:
        raise SystemExit(f"{error} Use --tenant X, --public or --owner.") from error


def _split(argv: list[str]) -> tuple[list[str], str, str]:
    rest: list[str] = []
    found = ("", "")
    arguments = iter(argv)
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name == "--tenant":
            found = ("tenant", value if equals else next(arguments, ""))
        elif argument in ("--public", "--owner"):
            found = (argument[2:], "")
        else:
            rest.append(argument)
    if found == ("", "") and len(rest) > 1:
        found = (DEFAULT_SCOPES.get(rest[1], ""), "")
    return rest, *found


def _scope(name: str, value: str) -> AbstractContextManager[Any]:
    if not name:
        return nullcontext()
    if name == "public":
        return scope.public_scope()
    if name == "owner":
        return scope.owner_scope()
    django.setup()
    from .lookup import find_tenant

    return scope.tenant_scope(find_tenant(value))
