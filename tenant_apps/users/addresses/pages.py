"""The page that confirms a new address; a button does, for programs open links in mails."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from ..page_forms import form_page
from .changing import change_of, confirm_change


@form_page
def confirm_new_email(request: HttpRequest, token: str) -> HttpResponse:
    """Show the button, or change the address."""
    if request.method == "POST":
        email = confirm_change(token)
        return render(request, "users/new_email_confirmed.html", {"new_email": email})
    person, email = change_of(token)
    context = {"form": forms.Form(), "person": person, "new_email": email}
    return render(request, "users/confirm_new_email.html", context)
