"""Settings of ``make run``: everything local, keys that protect nothing."""

import base64
import os

os.environ.setdefault("DJANGO_SECRET_KEY", "development-only-" + "x" * 50)
os.environ.setdefault("JWT_MASTER_KEYS", "1:" + base64.b64encode(b"d" * 32).decode())
os.environ.setdefault("FREEHOLD_SCHEME", "http")

from .base import *  # noqa: F403  # settings inherit this way; the defaults come first

DEBUG = os.environ.get("DJANGO_DEBUG") == "1"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
