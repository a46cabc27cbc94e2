"""What is stored of an upload is our own encoding of its pixels, and nothing else."""

from io import BytesIO

import pytest
from django.test import override_settings
from PIL import Image

from tenant_apps.files.pictures import MAX_SIDE, NotAPicture, encoded_anew
from tests.files.pictures import SCRIPT, photograph, picture, upload


def opened(content: bytes) -> Image.Image:
    return Image.open(BytesIO(content))


@pytest.mark.parametrize(("kind", "ending"), [("JPEG", ".jpg"), ("PNG", ".png"), ("WEBP", ".webp")])
def test_the_kinds_that_browsers_show_are_taken(kind, ending):
    done = encoded_anew(upload(picture(kind), "Desk Lamp.html"))
    assert done.name == f"Desk Lamp{ending}"
    assert done.content_type == f"image/{kind.lower()}"
    assert (opened(done.content).format, opened(done.content).size) == (kind, (40, 30))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_what_stands_behind_the_pixels_is_left_behind(kind):
    assert SCRIPT not in encoded_anew(upload(picture(kind) + SCRIPT)).content


def test_a_photograph_is_upright_and_does_not_say_where_it_was_taken():
    before = photograph()
    assert b"secret-place" in before
    after = encoded_anew(upload(before)).content
    assert b"secret-place" not in after
    assert not opened(after).getexif()
    assert opened(after).size == (30, 40)


def test_a_large_picture_is_made_smaller():
    done = encoded_anew(upload(picture("JPEG", (3000, 1500))))
    assert opened(done.content).size == (MAX_SIDE, MAX_SIDE // 2)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a picture",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"<!doctype html><title>x</title>" + SCRIPT,
        picture()[:60],
        picture("GIF"),
        picture("BMP"),
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
    ],
    ids=["empty", "text", "svg", "html", "cut off", "gif", "bmp", "postscript"],
)
def test_anything_else_is_refused(content):
    with pytest.raises(NotAPicture, match="not a JPEG, PNG or WebP"):
        encoded_anew(upload(content))


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded():
    bomb = BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 200_000
    with pytest.raises(NotAPicture):
        encoded_anew(upload(bomb.getvalue()))
    with pytest.raises(NotAPicture, match="pixels"):
        encoded_anew(upload(picture("PNG", (5001, 5000))))


@override_settings(PICTURE_MAX_BYTES=100)
def test_a_file_of_too_many_bytes_is_refused():
    with pytest.raises(NotAPicture, match="100 bytes"):
        encoded_anew(upload(picture()))
