"""Fields of the admin's pages in which people and objects are found as one types."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect, AutocompleteSelectMultiple
from django.db.models import Model
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from shared_apps.tenants.admin_sites import tenant_admin

from ..models import RefreshFamily, User
from .objects import RoleGrant, grant_model


class _One(AutocompleteSelect):
    def optgroups(self, name: str, value: Sequence[str], attr: Any = None) -> Any:
        """Return what was chosen; what is no key was refused, and cannot be looked up."""
        return super().optgroups(name, _keys(value), attr)


class _Many(AutocompleteSelectMultiple):
    def optgroups(self, name: str, value: Sequence[str], attr: Any = None) -> Any:
        """Return what was chosen, as above."""
        return super().optgroups(name, _keys(value), attr)


def person_field() -> forms.Field:
    """Return a field for one person."""
    widget = _One(RefreshFamily._meta.get_field("user"), tenant_admin)
    return forms.ModelChoiceField(User.objects.all(), widget=widget, label=_("Person"))


def people_field(label: Any) -> forms.Field:
    """Return a field for any number of people."""
    widget = _Many(RefreshFamily._meta.get_field("user"), tenant_admin)
    return forms.ModelMultipleChoiceField(
        User.objects.all(), widget=widget, label=label, required=False
    )


def object_field(kind: type[Model], *, acting: User) -> forms.Field:
    """Return a field for one object of ``kind`` that ``acting`` may see, or none."""
    rows: Any = kind._default_manager
    widget = _One(grant_model(kind, RoleGrant)._meta.get_field("content_object"), tenant_admin)
    label = capfirst(kind._meta.verbose_name)
    return forms.ModelChoiceField(
        rows.visible_to(acting), widget=widget, label=label, required=False
    )


def objects_field(kind: type[Model], *, acting: User) -> forms.Field:
    """Return a field for any number of objects of ``kind`` that ``acting`` may see."""
    rows: Any = kind._default_manager
    widget = _Many(grant_model(kind, RoleGrant)._meta.get_field("content_object"), tenant_admin)
    label = capfirst(kind._meta.verbose_name_plural)
    return forms.ModelMultipleChoiceField(
        rows.visible_to(acting), widget=widget, label=label, required=False
    )


def _keys(values: Sequence[str]) -> list[str]:
    keys = []
    for value in values:
        with suppress(ValueError):
            keys.append(str(UUID(value)))
    return keys
