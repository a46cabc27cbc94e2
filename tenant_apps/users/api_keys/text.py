"""A key as it is written: ``fh_<environment>_<id>_<secret><checksum>``.

The prefix and the checksum let a scanner of repositories know a leaked key without asking us.
"""

import secrets
import string
from uuid import UUID, uuid4
from zlib import crc32

from django.conf import settings

PREFIX = "fh_"
_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 40  # 238 bits


def make_key(key_id: UUID) -> str:
    """Return a new key; what follows its last ``_`` is its secret."""
    drawn = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    text = f"{PREFIX}{settings.API_KEY_ENVIRONMENT}_{key_id.hex}_{drawn}"
    return f"{text}{crc32(text.encode()):08x}"


def read_key(text: str) -> tuple[UUID, str]:
    """Return a key's id and secret; of a text that is none, an id that is nobody's.

    It is asked for like any other: nothing can be told from how long it takes.
    """
    head, _, secret = text.rpartition("_")
    return read_id(head.rpartition("_")[2]), secret


def read_id(text: str) -> UUID:
    """Return the id that ``text`` is, or nobody's."""
    try:
        return UUID(text)
    except ValueError:
        return uuid4()
