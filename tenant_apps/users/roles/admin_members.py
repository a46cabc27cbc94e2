"""The page of the admin that lists a role's members, adds some and removes others."""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from ..models import Role, User
from .choosing import people_field
from .giving import BeyondReach, LastOwner, change_members

PAGE = 50


class MembersForm(forms.Form):
    """Who joins ``role`` and who leaves it, as far as ``acting`` may say so."""

    def __init__(self, *args: Any, role: Role, acting: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.role, self.acting = role, acting
        self.fields["add"] = people_field(_("Add people"))
        # Anybody's: who was removed a moment ago is removed again without a word.
        self.fields["remove"] = forms.ModelMultipleChoiceField(User.objects.all(), required=False)

    def change(self) -> bool:
        """Change the members, all or none; if that is refused, the form says why."""
        try:
            change_members(acting=self.acting, role=self.role, **self.cleaned_data)
        except (BeyondReach, LastOwner) as why:
            self.add_error(None, str(why))
            return False
        return True


class MembersAdmin:
    """Mixin for the admin of roles: a button that leads to the page."""

    def has_members_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Ask the role, as the API does."""
        return bool(request.user.has_perm("users.view_role"))

    @action(  # type: ignore[untyped-decorator]  # Unfold has no types
        description=_("Members"),
        url_path="members",
        icon="group",
        permissions=["members"],
    )
    def members_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the members, built-in roles' too; change them as the form says."""
        role = self.get_object(request, object_id)  # type: ignore[attr-defined]  # the admin's
        if role is None:
            raise Http404
        acting: Any = request.user
        may_change = acting.has_perm("users.change_user")
        if request.method == "POST" and not may_change:
            raise PermissionDenied
        sent = request.POST if request.method == "POST" else None
        form = MembersForm(sent, role=role, acting=acting)
        if form.is_valid() and form.change():
            told = gettext("%(added)s added, %(removed)s removed.")
            counts = {"added": len(form["add"].data), "removed": len(form["remove"].data)}
            self.message_user(request, told % counts)  # type: ignore[attr-defined]  # as above
            return HttpResponseRedirect(request.get_full_path())
        people = User.objects.filter(groups=role).order_by("email")
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]  # as above
            "title": gettext("Members of %(role)s") % {"role": role},
            "opts": Role._meta,
            "role": role,
            "form": form if may_change else None,
            "members": Paginator(people, PAGE).get_page(request.GET.get("p", 1)),
            "chosen": request.POST.getlist("remove"),
        }
        return TemplateResponse(request, "users/roles/members.html", context)
