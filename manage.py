#!/usr/bin/env python
"""Django's command line, inside a scope: ``manage.py [--tenant HOST | --public | --owner] ...``."""

import os
import sys


def main() -> None:
    """Run the command of the arguments."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
    from shared_apps.tenants.command_line import execute

    execute(sys.argv)


if __name__ == "__main__":
    main()
