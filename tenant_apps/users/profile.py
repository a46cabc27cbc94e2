"""The page of one's own name, password, address and logins.

What a form may hold is asked of the API's serializers, so that both refuse the same.
"""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from shared_apps.tenants import limits

from .addresses.serializers import ChangeEmailSerializer
from .logins.browsers import session_login
from .models import RefreshFamily
from .page_forms import by_button, form_page, new_password_field, posted, save
from .passwords.serializers import ChangePasswordSerializer
from .serializers import MeSerializer


def _own_password(label: Any) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": "current-password"})
    return forms.CharField(label=label, strip=False, widget=widget)


class NameForm(forms.Form):
    """How one is called."""

    name = forms.CharField(
        label=gettext_lazy("Your name"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )


class PasswordForm(forms.Form):
    """Another password."""

    old = _own_password(gettext_lazy("Your password now"))
    new = new_password_field(gettext_lazy("New password"))


class EmailForm(forms.Form):
    """Another address."""

    email = forms.EmailField(
        label=gettext_lazy("New e-mail"),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    password = _own_password(gettext_lazy("Your password"))


DONE = {
    "name": gettext_lazy("Your name was changed."),
    "password": gettext_lazy("Your password was changed; all other logins have ended."),
    "email": gettext_lazy("Look into your mail: the new address counts once you confirm it."),
}
# section of the page, named by its button: its form, and what checks and saves it
SECTIONS: dict[str, tuple[type[forms.Form], Any]] = {
    "name": (NameForm, MeSerializer),
    "password": (PasswordForm, ChangePasswordSerializer),
    "email": (EmailForm, ChangeEmailSerializer),
}


@login_required
@form_page
def profile(request: HttpRequest) -> HttpResponse:
    """Show what there is about oneself, or change one section of it."""
    user: Any = request.user
    sent = next((section for section in SECTIONS if f"save_{section}" in request.POST), "")
    made = {
        section: form(posted(request) if section == sent else None, prefix=section)
        for section, (form, _serializer) in SECTIONS.items()
    }
    made["name"].initial = {"name": user.name}
    status = _save(request, sent, made[sent]) if sent else 200
    if sent and status == 200:
        messages.success(request, DONE[sent])
        return redirect("profile")
    context = {
        **{f"{section}_form": form for section, form in made.items()},
        "logins": RefreshFamily.objects.alive().filter(user=user).order_by("-created_at"),
        "this_login": session_login(request),
    }
    return render(request, "users/profile.html", context, status=status)


def _save(request: HttpRequest, section: str, form: forms.Form) -> int:
    user: Any = request.user
    data = {name: request.POST.get(form.add_prefix(name), "") for name in form.fields}
    serializer = SECTIONS[section][1](user, data=data, context={"request": request})
    if section == "name":
        return save(form, serializer, lambda: None)
    login = {"login": session_login(request)} if section == "password" else {}
    status = save(form, serializer, lambda: limits.count("login", request, user.email), **login)
    if section == "password" and status == 200:
        update_session_auth_hash(request, user)
    return status


@login_required
@by_button(back_to="profile")
def end_login(request: HttpRequest, login: UUID) -> HttpResponse:
    """End one of one's own logins."""
    mine = RefreshFamily.objects.alive().filter(user=request.user.pk)
    get_object_or_404(mine, pk=login).end()
    messages.success(request, _("That login has ended."))
    return redirect("profile")


@login_required
@by_button(back_to="profile")
def end_other_logins(request: HttpRequest) -> HttpResponse:
    """End every login of one's own but this."""
    user: Any = request.user
    user.end_logins(but=session_login(request))
    messages.success(request, _("All other logins have ended."))
    return redirect("profile")
