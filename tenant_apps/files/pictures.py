"""Uploaded pictures are never kept as they came: what is stored is our own encoding of them.

That leaves behind whatever else the file held (a script behind the pixels, the place where the
photograph was taken), and nothing that is not a picture survives it.
"""

from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePath
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

# What a browser shows and cannot run; SVG is a document with scripts.
_KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "JPEG": (".jpg", {"quality": 85, "optimize": True}),
    "PNG": (".png", {"optimize": True}),
    "WEBP": (".webp", {"quality": 85}),
}
# Their content types; browsers show these, and nothing in them runs.
KINDS = frozenset({"image/jpeg", "image/png", "image/webp"})
MAX_PIXELS = 25_000_000
MAX_SIDE = 2048


class NotAPicture(ValueError):
    """An upload is no picture that we take; the message is for the person."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Our own encoding of a picture, with the name it came by."""

    name: str
    content: bytes
    content_type: str


def encoded_anew(uploaded: Any) -> Picture:
    """Return the picture in ``uploaded``, at most ``MAX_SIDE`` on a side, upright, bare.

    Raises:
        NotAPicture: too large, or no JPEG, PNG or WebP picture.

    """
    if uploaded.size > settings.PICTURE_MAX_BYTES:
        raise NotAPicture(
            _("A picture may have up to %(bytes)s bytes.") % {"bytes": settings.PICTURE_MAX_BYTES}
        )
    try:
        with Image.open(uploaded, formats=list(_KINDS)) as opened:
            kind = str(opened.format)
            if opened.width * opened.height > MAX_PIXELS:
                raise NotAPicture(
                    _("A picture may have up to %(pixels)s pixels.") % {"pixels": MAX_PIXELS}
                )
            bare = _bare(opened, kind)
    except NotAPicture:
        raise
    except Exception as error:
        # A hostile file makes decoders raise anything; none of it is our failure.
        raise NotAPicture(_("This is not a JPEG, PNG or WebP picture.")) from error
    extension, options = _KINDS[kind]
    content = BytesIO()
    bare.save(content, kind, **options)
    name = PurePath(uploaded.name or "picture").stem[:80] + extension
    return Picture(name, content.getvalue(), Image.MIME[kind])


def _bare(opened: Image.Image, kind: str) -> Image.Image:
    """Return the first frame's pixels alone: no metadata, no profile, no comment."""
    # A large JPEG is decoded at a fraction of its size, which bounds time and memory.
    opened.draft("RGB", (MAX_SIDE, MAX_SIDE))
    upright = ImageOps.exif_transpose(opened)
    pixels = upright.convert("RGB" if kind == "JPEG" else "RGBA")
    pixels.thumbnail((MAX_SIDE, MAX_SIDE))
    bare = Image.new(pixels.mode, pixels.size)
    bare.paste(pixels)
    return bare
