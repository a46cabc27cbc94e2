"""Pages with a form that works without JavaScript; what it may hold is asked of a serializer."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from shared_apps.tenants import limits
from shared_apps.tenants.plan_limits import FeatureMissing, LimitReached

from .links import LinkInvalid
from .passwords.changing import ChangedMeanwhile

Page = Callable[..., HttpResponse]


def form_page(view: Page) -> Page:
    """Let ``view`` show and take a form; no cache keeps it, a link that is not valid is a 404."""

    @never_cache
    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def page(request: HttpRequest, **kwargs: str) -> HttpResponse:
        try:
            return view(request, **kwargs)
        except LinkInvalid:
            return render(request, "users/link_invalid.html", status=404)

    return page


def by_button(*, back_to: str) -> Callable[[Page], Page]:
    """Let a view take a button's POST alone; anything else goes ``back_to`` where the button is.

    Signing in leads here with GET, when a session had ended before the button was pressed.
    """

    def wrap(view: Page) -> Page:
        @require_http_methods(["GET", "HEAD", "POST"])
        @wraps(view)
        def page(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            return view(request, **kwargs) if request.method == "POST" else redirect(back_to)

        return page

    return wrap


def posted(request: HttpRequest) -> Any:
    """Return what a form is bound to: nothing before it was sent."""
    return request.POST if request.method == "POST" else None


def new_password_field(label: Any = None) -> forms.CharField:
    """Return the field of a password to be."""
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
    return forms.CharField(
        label=label or _("Password"),
        strip=False,
        widget=widget,
        help_text=_("At least 10 characters."),
    )


def show_errors(form: forms.Form, errors: dict[str, Any]) -> None:
    """Put a serializer's errors to the form's fields, where the form itself found none."""
    for name in set(errors) - set(form.errors):
        for detail in errors[name]:
            form.add_error(name if name in form.fields else None, str(detail))


def save(form: forms.Form, serializer: Any, count: Callable[[], None], **values: Any) -> int:
    """Save what was sent and ``values``; return 200, or another status with the form's errors.

    ``count`` counts the try, before anything is looked at: it may be a password's.
    """
    try:
        count()
        if not serializer.is_valid():
            show_errors(form, serializer.errors)
            return 400
        serializer.save(**values)
    except ChangedMeanwhile as error:
        form.add_error(None, str(error))
        return 409
    except (LimitReached, FeatureMissing) as error:
        form.add_error(None, str(error))
        return 402
    except limits.TooOften as error:
        form.add_error(None, str(error))
        return 429
    except limits.LimitsUnavailable as error:
        form.add_error(None, str(error))
        return 503
    return 200
