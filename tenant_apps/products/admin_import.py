"""The page of the admin that takes a catalogue file."""

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget

from tenant_apps.integrations.models import Job

from .catalogue_import import FileTooLarge, accept_import
from .shopify import NotACatalogue

MEGABYTES = settings.CATALOGUE_MAX_BYTES // 2**20


class CatalogueFileForm(forms.Form):
    """A file, refused with the reason if it cannot be a catalogue."""

    file = forms.FileField(
        label=_("File"),
        widget=UnfoldAdminFileFieldWidget,
        help_text=format_lazy(
            _("A product export of Shopify: CSV, UTF-8, up to {megabytes} MB."), megabytes=MEGABYTES
        ),
    )

    def queue(self, *, user: Any) -> Job | None:
        """Queue the import of the file; None if it was refused, and the form says why."""
        sent = self.cleaned_data["file"]
        try:
            return accept_import(user=user, filename=sent.name, content=sent.read())
        except (NotACatalogue, FileTooLarge) as why:
            self.add_error("file", str(why))
            return None


class CatalogueImportAdmin:
    """Mixin: a button on the list, the page that takes the file, then the job's page."""

    actions_list = ["import_catalogue"]

    def has_import_permission(self, request: HttpRequest) -> bool:
        """Ask the role."""
        return bool(request.user.has_perm("products.import_catalogue"))

    @action(  # type: ignore[untyped-decorator]  # Unfold has no types
        description=_("Import"),
        url_path="import",
        icon="upload",
        permissions=["import"],
    )
    def import_catalogue(self, request: HttpRequest) -> HttpResponse:
        """Show the form; queue the import of what it sends."""
        sent = request.method == "POST"
        form = CatalogueFileForm(request.POST, request.FILES) if sent else CatalogueFileForm()
        if sent and form.is_valid() and (job := form.queue(user=request.user)):
            return HttpResponseRedirect(reverse("admin:integrations_job_change", args=[job.pk]))
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]  # the admin's
            "title": _("Import a catalogue"),
            "opts": self.model._meta,  # type: ignore[attr-defined]
            "form": form,
        }
        return TemplateResponse(request, "products/import_catalogue.html", context)
