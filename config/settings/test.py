"""Settings of the test suite: development's, with a cheap password hash."""

import sys

from .development import *  # noqa: F403  # settings inherit this way

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
POOL_POLL_SECONDS = 0.1
FAN_OUT_SECONDS = 0
DRAIN_SECONDS = 0
if "pytest" in sys.modules:
    # It keeps the log itself; the stream this would write to is closed before the first test.
    LOGGING["root"]["handlers"] = []  # noqa: F405  # from the settings above
# The tests of limits set their own.
LIMITS = {
    name: dict.fromkeys(("account", "key", "address"), "100000/minute")
    for name in LIMITS  # noqa: F405  # from the settings above
}
