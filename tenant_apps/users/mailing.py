"""Mail from a portal: its name, its address, text and HTML."""

from email.utils import formataddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from shared_apps.tenants.links import portal_url
from shared_apps.tenants.scope import active_tenant

from .locale import portal_locale


def send_mail(
    *, to: str, subject: Any, template: str, context: dict[str, Any], message_id: str
) -> None:
    """Send ``<template>.txt`` with ``<template>.html`` as its alternative.

    In the portal's language, and so ``subject`` is lazy.

    ``message_id`` is the outbox entry's: should a crash send the mail twice, both are the same
    message to the receiver.
    """
    tenant = active_tenant()
    context = {**context, "portal_name": tenant.name, "portal_url": portal_url()}
    with portal_locale():
        message = EmailMultiAlternatives(
            subject=f"{subject} - {tenant.name}",
            body=render_to_string(f"{template}.txt", context),
            from_email=formataddr((tenant.name, settings.DEFAULT_FROM_EMAIL)),
            to=[to],
            headers={"Message-ID": f"<{message_id}@{settings.FREEHOLD_DOMAIN}>"},
        )
        message.attach_alternative(render_to_string(f"{template}.html", context), "text/html")
    message.send()
