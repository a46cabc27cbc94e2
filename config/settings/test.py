"""Settings of the test suite: development's, with a cheap password hash."""

from .development import *  # noqa: F403  # settings inherit this way

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
WHITENOISE_AUTOREFRESH = False
# Read once at start; the tests ask for no static file that is not there then.
POOL_POLL_SECONDS = 0.1
# pytest keeps the log; the stream this would write to is closed before the first test.
LOGGING["root"]["handlers"] = []  # noqa: F405  # from the settings above
