"""Settings of production with Django's own engine, on the schema of one tenant."""

import os

from config.settings.production import *  # noqa: F403  # settings inherit this way
from config.settings.production import DATABASES

DATABASES["default"]["ENGINE"] = "django.db.backends.postgresql"
DATABASES["default"]["OPTIONS"]["options"] = (
    f"-c search_path={os.environ['BENCH_SCHEMA']},public,extensions"
)
