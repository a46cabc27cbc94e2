"""Pictures for tests, as cameras and attackers make them."""

from io import BytesIO

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

SCRIPT = b"<script>alert(1)</script>"


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30), **options) -> bytes:
    """Return a picture in red."""
    content = BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(content, kind, **options)
    return content.getvalue()


def photograph() -> bytes:
    """Return a JPEG that lies on its side and says where it was taken."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif.get_ifd(0x8825)[1] = "N"  # GPS
    exif[0x010E] = "secret-place"
    return picture("JPEG", exif=exif)


def upload(content: bytes, name: str = "lamp.png") -> SimpleUploadedFile:
    """Return an upload as a form brings it."""
    return SimpleUploadedFile(name, content)
