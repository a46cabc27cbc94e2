"""Settings of django-tenants' own suite: its test project's, on the runner's database."""

import os

from dts_test_project.settings import *  # type: ignore[import-not-found]  # noqa: F403  # unpacked by the runner

DATABASES = {
    "default": {
        "ENGINE": os.environ["COMPAT_ENGINE"],
        "HOST": os.environ["COMPAT_HOST"],
        "USER": "postgres",
        "NAME": os.environ["COMPAT_NAME"],
    }
}
TEST_RUNNER = "tests.compat.recording.Runner"
TENANT_ROLES = False
DEFERRABLE_FOREIGN_KEYS = True
