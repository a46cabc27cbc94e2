"""``FILES_URL`` -> the entry of Django's ``STORAGES`` for tenants' files."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

_S3_OPTIONS = {"endpoint_url", "region_name", "addressing_style", "signature_version"}


def file_storage(url: str) -> dict[str, Any]:
    """Return the storage that ``url`` names.

    ``file:///var/lib/freehold/files``, or ``s3://bucket?endpoint_url=...&region_name=...``
    with credentials from ``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY``.

    Raises:
        ValueError: it names neither, or an option that is not known.

    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc:
        return {
            "BACKEND": "shared_apps.tenants.storage.LocalTenantStorage",
            "OPTIONS": {
                "location": parts.path,
                "file_permissions_mode": 0o600,
                "directory_permissions_mode": 0o700,
            },
        }
    options = dict(parse_qsl(parts.query))
    if parts.scheme == "s3" and parts.netloc and set(options) <= _S3_OPTIONS:
        return {
            "BACKEND": "shared_apps.tenants.storage.S3TenantStorage",
            "OPTIONS": {"bucket_name": parts.netloc, "file_overwrite": False, **options},
        }
    raise ValueError(f"FILES_URL is neither file:///folder nor s3://bucket?options: {url!r}")
