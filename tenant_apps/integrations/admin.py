from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from shared_apps.tenants.admin_sites import tenant_admin
from tenant_apps.history.admin import HistoryAdmin

from .models import Job


@admin.register(Job, site=tenant_admin)
class JobAdmin(HistoryAdmin, ModelAdmin):
    """Imports and other long work: looked at here, on a page that renews itself."""

    list_display = ["filename", "status", "progress", "created", "updated", "refused"]
    list_display += ["created_by", "created_at"]
    list_filter = ["status", "created_at"]
    search_fields = ["filename"]
    list_select_related = ["created_by"]
    fields = readonly_fields = [
        *("filename", "status", "progress", "created", "updated", "refused", "error"),
        *("refused_lines", "created_by", "created_at", "finished_at"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        """Return the jobs the person may see, without what was handed in."""
        jobs: Any = super().get_queryset(request)
        return jobs.visible_to(request.user).defer("content")  # type: ignore[no-any-return]

    @admin.display(description=_("lines done"))
    def progress(self, job: Job) -> str:
        """Show how far it is."""
        label = _("%(done)s of %(total)s") % {"done": job.rows_done, "total": job.rows_total}
        bar = '<progress value="{}" max="{}" aria-label="{}"></progress> {}'
        return format_html(bar, job.rows_done, job.rows_total or 1, label, label)

    @admin.display(description=_("why lines were refused"))
    def refused_lines(self, job: Job) -> str:
        """Show the first refusals: line, product, reason."""
        if not job.refusals:
            return "-"
        context = {"job": job, "more": job.refused - len(job.refusals)}
        return render_to_string("admin/integrations/job/refusals.html", context)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Ask the role, or whether it is the person's own."""
        if super().has_view_permission(request, obj):
            return True
        own = Job.objects.visible_to(request.user)
        return bool((own if obj is None else own.filter(pk=obj.pk)).exists())

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: a job is asked for where its work is."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False
