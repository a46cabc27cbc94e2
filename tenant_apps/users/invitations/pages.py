"""The page that an invitation's link leads to."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from shared_apps.tenants import limits

from ..page_forms import form_page, new_password_field, posted, save
from .inviting import open_invitation
from .serializers import AcceptInvitationSerializer


class AcceptForm(forms.Form):
    """What somebody who was invited says of themselves."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = new_password_field(_("Password"))


@form_page
def accept_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show the form, or make the person."""
    invitation = open_invitation(token)
    form, status = AcceptForm(posted(request)), 200
    if request.method == "POST":
        sent = {"token": token, **{name: request.POST.get(name, "") for name in form.fields}}
        serializer = AcceptInvitationSerializer(data=sent)
        status = save(form, serializer, lambda: limits.count("login", request))
        if status == 200:
            context = {"person": serializer.instance}
            return render(request, "users/invitation_accepted.html", context, status=201)
    context = {"form": form, "email": invitation.email}
    return render(request, "users/accept_invitation.html", context, status=status)
