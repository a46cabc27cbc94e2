"""Removing what crashes and deleted rows left behind: rows without use, contents without a row."""

from django.core.files.storage import default_storage
from django.utils import timezone

from shared_apps.tenants.storage import all_names

from .models import LEFT_BEHIND, StoredFile


def sweep() -> int:
    """Remove what is left behind in the active tenant; return how many. Safe to repeat."""
    unused = list(StoredFile.objects.left_behind())
    for stored in unused:
        stored.remove()
    kept = set(StoredFile.objects.values_list("content", flat=True))
    before = timezone.now() - LEFT_BEHIND
    orphans = [
        name
        for name in all_names()
        if name not in kept and default_storage.get_modified_time(name) < before
    ]
    for name in orphans:
        default_storage.delete(name)
    return len(unused) + len(orphans)
