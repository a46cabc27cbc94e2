"""Named places at which a test makes the process kill itself: ``FREEHOLD_FAILPOINT=<name>``."""

import os
import signal


def failpoint(name: str) -> None:
    """Die here, as by ``kill -9``, if the environment asks for ``name``."""
    if os.environ.get("FREEHOLD_FAILPOINT") == name:
        os.kill(os.getpid(), signal.SIGKILL)
