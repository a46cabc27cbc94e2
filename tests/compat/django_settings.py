"""Settings of Django's own suite; what differs between runs comes from the runner."""

import os

_DATABASE = {
    "ENGINE": os.environ["COMPAT_ENGINE"],
    "HOST": os.environ["COMPAT_HOST"],
    "USER": "postgres",
    "DISABLE_SERVER_SIDE_CURSORS": True,
}
_NAME = os.environ["COMPAT_NAME"]
DATABASES = {
    "default": {**_DATABASE, "NAME": _NAME, "TEST": {"NAME": f"test_{_NAME}"}},
    "other": {**_DATABASE, "NAME": f"{_NAME}_other", "TEST": {"NAME": f"test_{_NAME}_other"}},
}
TEST_RUNNER = "tests.compat.recording.Runner"
SECRET_KEY = "django_tests_secret_key"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
USE_TZ = False
TENANT_ROLES = False
DEFERRABLE_FOREIGN_KEYS = True
