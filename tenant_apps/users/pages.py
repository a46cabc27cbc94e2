"""Pages of a portal that are about people."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from .email_verification import confirm
from .links import LinkInvalid


@require_safe
def confirm_email(request: HttpRequest, token: str) -> HttpResponse:
    """Confirm the address that the link was sent to."""
    try:
        user = confirm(token)
    except LinkInvalid:
        return render(request, "users/email_confirmed.html", {"email": None}, status=404)
    return render(request, "users/email_confirmed.html", {"email": user.email})
