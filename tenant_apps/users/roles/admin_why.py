"""The page of the admin that says why somebody may do something, or what is missing."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget

from ..models import User
from . import matrix
from .choosing import object_field, person_field
from .explaining import Explanation, explain
from .objects import GRANT_KINDS, grantable_models


class QuestionForm(forms.Form):
    """Who, what, and perhaps on which one object that ``acting`` may see."""

    def __init__(self, *args: Any, acting: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"] = person_field()
        self.fields["permission"] = forms.ChoiceField(
            choices=[("", "-"), *_permissions()], label=_("May do"), widget=UnfoldAdminSelectWidget
        )
        for name, kind in zip(GRANT_KINDS, grantable_models(), strict=True):
            self.fields[name] = object_field(kind, acting=acting)

    def clean(self) -> Any:
        """Refuse more than one object."""
        data = super().clean() or self.cleaned_data
        if len(self._objects()) > 1:
            raise ValidationError(_("Choose one object, or none."), code="several")
        return data

    def answer(self) -> Explanation:
        """Return the answer to what was asked."""
        asked = self.cleaned_data
        [obj] = self._objects() or [None]
        return explain(user=asked["person"], permission=asked["permission"], obj=obj)

    def _objects(self) -> list[Any]:
        return [found for name in GRANT_KINDS if (found := self.cleaned_data.get(name))]


def _permissions() -> list[tuple[str, str]]:
    return [(cell.code, cell.label) for _title, cells in matrix.table() for cell in cells if cell]


class AsksWhy:
    """Mixin: a button on an object's page that leads to the page which asks about it."""

    actions_detail = ["ask_why"]
    # What the page calls such an object.
    asked_as = ""

    def has_explain_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Ask the role, as the API does."""
        return bool(request.user.has_perm("users.view_role"))

    @action(  # type: ignore[untyped-decorator]  # Unfold has no types
        description=_("Who may, and why?"),
        url_path="why",
        icon="help",
        permissions=["explain"],
    )
    def ask_why(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go to the page, with this object filled in."""
        name = self.asked_as or self.model._meta.model_name  # type: ignore[attr-defined]  # the admin's
        query = urlencode({name: object_id})
        return HttpResponseRedirect(f"{reverse('admin:users_user_why')}?{query}")


class ExplainsAdmin(AsksWhy):
    """Mixin for the admin of people: the page itself."""

    asked_as = "person"
    actions_list = ["why"]

    @action(  # type: ignore[untyped-decorator]  # Unfold has no types
        description=_("Who may, and why?"),
        url_path="why",
        icon="help",
        permissions=["explain"],
    )
    def why(self, request: HttpRequest) -> HttpResponse:
        """Show the form, filled in as the address says; answer it when it was sent."""
        acting: Any = request.user
        sent = request.GET if "permission" in request.GET else None
        form = QuestionForm(sent, initial=request.GET.dict(), acting=acting)
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]  # the admin's
            "title": _("Who may, and why?"),
            "opts": self.model._meta,  # type: ignore[attr-defined]  # as above
            "form": form,
            "answer": form.answer() if form.is_valid() else None,
        }
        return TemplateResponse(request, "users/roles/why.html", context)
