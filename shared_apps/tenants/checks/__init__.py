"""Django system checks of the settings that keep tenants apart: ``manage.py check --deploy``.

``databases``, ``services``, ``web`` and ``payments`` hold the rules, ``rule`` what makes a check
of one. None asks a database or Redis; those are ``manage.py doctor``'s.
"""

from . import databases, payments, services, web

__all__ = ["databases", "payments", "services", "web"]
