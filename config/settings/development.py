"""Settings of ``make run``: everything local, keys that protect nothing."""

import base64
import os
from pathlib import Path

import environ

from shared_apps.tenants import development_keys

# A running `make run` leaves the way to its services here, for `manage.py` in another terminal.
_data = os.environ.get("FREEHOLD_DATA") or Path(__file__).resolve().parents[2] / ".data"
environ.Env.read_env(Path(_data) / "environment")
os.environ.setdefault("DJANGO_SECRET_KEY", development_keys.SECRET_KEY)
os.environ.setdefault(
    "JWT_MASTER_KEYS", f"1:{base64.b64encode(development_keys.MASTER_KEY).decode()}"
)
os.environ.setdefault("FREEHOLD_SCHEME", "http")
os.environ.setdefault("LIMIT_SIGNUP", "1000/hour")
os.environ.setdefault("FILES_URL", f"file://{Path(_data).resolve()}/files")
os.environ.setdefault("LOG_FORMAT", "console")
os.environ.setdefault("LOG_LEVEL", "WARNING")

from .base import *  # noqa: E402, F403  # settings inherit this way; the defaults come first

API_KEY_ENVIRONMENT = "dev"
DEBUG = os.environ.get("DJANGO_DEBUG") == "1"
STORAGES["staticfiles"] = {  # noqa: F405  # from the settings above
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage",
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
