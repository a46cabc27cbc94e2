"""The pages for a forgotten password."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from shared_apps.tenants import limits

from ..page_forms import form_page, new_password_field, posted, save
from .resetting import person_of
from .serializers import ConfirmResetSerializer, RequestResetSerializer
from .views import REQUESTED


class AddressForm(forms.Form):
    """Whose password was forgotten."""

    email = forms.EmailField(
        label=_("Your e-mail"),
        widget=forms.EmailInput(attrs={"autocomplete": "username"}),
    )


class NewPasswordForm(forms.Form):
    """The password to be."""

    password = new_password_field(_("New password"))


@form_page
def forgotten_password(request: HttpRequest) -> HttpResponse:
    """Show the form, or queue the mail; the answer never tells whether there is such a person."""
    form, status = AddressForm(posted(request)), 200
    if request.method == "POST":
        email = request.POST.get("email", "")
        serializer = RequestResetSerializer(data={"email": email})
        status = save(form, serializer, lambda: limits.count("reset", request, email))
        if status == 200:
            return render(request, "users/reset_requested.html", {"text": REQUESTED}, status=202)
    return render(request, "users/forgotten_password.html", {"form": form}, status=status)


@form_page
def reset_password_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show the form, or set the password."""
    person = person_of(token)
    form, status = NewPasswordForm(posted(request)), 200
    if request.method == "POST":
        sent = {"token": token, "password": request.POST.get("password", "")}
        serializer = ConfirmResetSerializer(data=sent)
        status = save(form, serializer, lambda: limits.count("login", request))
        if status == 200:
            context = {"person": serializer.instance}
            return render(request, "users/password_reset.html", context)
    context = {"form": form, "email": person.email}
    return render(request, "users/choose_password.html", context, status=status)
