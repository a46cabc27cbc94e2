import base64
import secrets
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

HOW = """\
Give this to every process that signs or verifies tokens, and restart them:

JWT_MASTER_KEYS={value}

Key {newest} signs from then on; tokens signed with the others stay valid. Once those have expired
({days} days for refresh tokens, 10 minutes for the rest), drop each old one:

manage.py rotate_jwt_keys --drop NUMBER
"""
DROPPED = """\
Tokens signed with key {number} are refused once every process is restarted with this:

JWT_MASTER_KEYS={value}
"""


class Command(BaseCommand):
    """Prints another value for JWT_MASTER_KEYS; changes nothing itself."""

    help = "Prints JWT_MASTER_KEYS with a new key that signs, or without an old one (--drop)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the number of a key to drop."""
        parser.add_argument("--drop", type=int, metavar="NUMBER", help="leave this old key out")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the value and what to do with it.

        Raises:
            CommandError: there is no such key to drop, or it is the one that signs.

        """
        keys, number = dict(settings.JWT_MASTER_KEYS), options["drop"]
        newest = max(keys)
        if number is None:
            keys[newest + 1] = secrets.token_bytes(32)
            lifetime: Any = settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"]
            how = HOW.format(value=_value(keys), newest=newest + 1, days=lifetime.days)
            self.stdout.write(how)
            return
        if number not in keys or number == newest:
            raise CommandError(f"Key {number} is not configured, or is the one that signs.")
        del keys[number]
        self.stdout.write(DROPPED.format(value=_value(keys), number=number))


def _value(keys: dict[int, bytes]) -> str:
    return ",".join(f"{n}:{base64.b64encode(key).decode()}" for n, key in sorted(keys.items()))
