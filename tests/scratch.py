"""Where throw-away data lies."""

import os
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of the run's own is made in it
_ENOUGH = 6 * 2**30


def scratch_folder(name: str) -> Path:
    """Return a new folder of this process, in memory where there is room.

    ext4 takes milliseconds to make a file for a minute after many were removed, which is what a
    test run before this one did: measured, provisioning then takes 130 ms in place of 30.
    """
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH
    folder = (_MEMORY if roomy else Path(tempfile.gettempdir())) / f"freehold-{name}-{os.getpid()}"
    folder.mkdir(mode=0o755)
    return folder
