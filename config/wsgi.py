"""The WSGI application that the web server runs."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

django_application = get_wsgi_application()

from config.at_once import AtOnce  # noqa: E402  # needs the apps that this has loaded

application = AtOnce(django_application)
