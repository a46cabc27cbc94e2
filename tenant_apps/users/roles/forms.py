"""The role's form in the admin: name, rank, and the matrix of what it may do."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from ..built_in_roles import GRANTABLE
from ..models import Role, User
from . import matrix
from .giving import BeyondReach, check_role, codes_of, held_by


class MatrixWidget(forms.CheckboxSelectMultiple):
    """A table of checkboxes; what the person cannot give is shown and cannot be changed."""

    template_name = "users/widgets/permission_matrix.html"
    may_give: frozenset[str] = frozenset()

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        """Add rows and columns."""
        chosen = set(value or ())
        rows = [
            (title, [cell and self._cell(cell, chosen) for cell in cells])
            for title, cells in matrix.table()
        ]
        widget = {"name": name, "rows": rows, "columns": list(matrix.COLUMNS.values())}
        return {"widget": widget}

    def _cell(self, cell: matrix.Cell, chosen: set[str]) -> dict[str, Any]:
        return {
            "code": cell.code,
            "label": cell.label,
            "checked": cell.code in chosen,
            "disabled": cell.code not in self.may_give,
        }


class RoleForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """``acting`` is set by the admin."""

    acting: User
    permissions = forms.MultipleChoiceField(
        choices=[(code, code) for code in sorted(GRANTABLE)],
        widget=MatrixWidget,
        required=False,
        label=_("What it may do"),
    )

    class Meta:
        model = Role
        fields = ["name", "description", "rank"]
        widgets = {
            "name": UnfoldAdminTextInputWidget,
            "description": UnfoldAdminTextInputWidget,
            "rank": UnfoldAdminIntegerFieldWidget,
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "permissions" in self.fields:
            self.fields["permissions"].initial = self._before()
            self.fields["permissions"].widget.may_give = held_by(self.acting)

    def _before(self) -> set[str]:
        return codes_of(self.instance) if self.instance.pk else set()

    def clean_permissions(self) -> set[str]:
        """Keep what the role has and who asks may not give."""
        held = held_by(self.acting)
        return set(self.cleaned_data["permissions"]) & held | self._before() - held

    def clean(self) -> Any:
        """Refuse what is beyond reach."""
        data = super().clean() or self.cleaned_data
        if {"name", "rank", "permissions"} <= set(data):
            before = Role.objects.get(pk=self.instance.pk) if self.instance.pk else None
            given = {name: data[name] for name in ("name", "rank", "permissions")}
            try:
                check_role(acting=self.acting, role=before, **given)
            except BeyondReach as why:
                raise ValidationError(str(why), code="beyond_reach") from why
        return data
