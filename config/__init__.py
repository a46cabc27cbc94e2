"""The project: settings, routes, and what belongs to no app."""

from .celery import app as celery_app

__all__ = ["celery_app"]
