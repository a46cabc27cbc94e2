"""Where tenants' files lie: each tenant's under its own uuid, and nowhere without a tenant.

Nothing here is served by a web server or a bucket's address: files leave through a view that
asks for the tenant and the permission (``tenant_apps.files``).
"""

from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import FileSystemStorage, default_storage
from storages.backends.s3 import S3Storage
from storages.utils import safe_join

from . import scope
from .active import ActiveTenant


def _folder() -> str:
    active = scope.current()
    if active is None or active.tenant is None:
        raise scope.NoActiveTenant("file storage")
    return str(active.tenant.id)


class _Private:
    """No address: a link to a file is made by a view's own rules."""

    def url(self, name: str | None, *args: Any, **kwargs: Any) -> str:
        """Refuse.

        Raises:
            ValueError: always; Django's word for a file without an address.

        """
        raise ValueError("Tenants' files have no address of their own; see tenant_apps.files.")


class LocalTenantStorage(_Private, FileSystemStorage):
    """Files in a folder of this machine, ``<root>/<tenant's uuid>/<name>``."""

    @property
    def location(self) -> str:
        """The active tenant's folder.

        Raises:
            NoActiveTenant: outside a tenant's scope.

        """
        return str(Path(self.base_location).resolve() / _folder())

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Return folders and files of ``path``; none of a folder that nobody has written to."""
        try:
            return super().listdir(path)
        except FileNotFoundError:
            return [], []


class S3TenantStorage(_Private, S3Storage):
    """Objects of one private bucket, ``<tenant's uuid>/<name>``."""

    def _normalize_name(self, name: str) -> str:
        try:
            return str(safe_join(_folder(), name))
        except ValueError as error:
            raise SuspiciousFileOperation(f"Not a name of a file of ours: {name!r}") from error


def all_names(folder: str = "") -> list[str]:
    """Return the name of every file of the active tenant."""
    folders, files = default_storage.listdir(folder)
    prefix = f"{folder}/" if folder else ""
    return [
        *(prefix + name for name in files),
        *(name for inner in folders for name in all_names(prefix + inner)),
    ]


def erase_files_of(tenant_id: UUID, schema_name: str) -> int:
    """Delete every file of a tenant that is being dropped; return how many. Safe to repeat."""
    gone = ActiveTenant(
        id=tenant_id, schema_name=schema_name, name="", status="closed", primary_host=""
    )
    with scope.tenant_scope(gone):
        names = all_names()
        for name in names:
            default_storage.delete(name)
    return len(names)
