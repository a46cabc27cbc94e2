"""History in the admin: of one object behind its button, of all for those who may see it all."""

from typing import Any

from auditlog.registry import auditlog
from django.contrib import admin
from django.contrib.admin.views.main import PAGE_VAR
from django.contrib.contenttypes.models import ContentType
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from shared_apps.tenants.admin_sites import tenant_admin

from .models import Change

PAGE = 50


class HistoryAdmin:
    """Mixin: the history button shows who changed what, the old value and the new."""

    object_history_template: Any = "history/object_history.html"

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Show the entries of one object, the latest first, to those who may see it."""
        answer: Any = super().history_view(request, object_id, extra_context)  # type: ignore[misc]
        if isinstance(answer, TemplateResponse) and answer.context_data is not None:
            entries = Change.objects.of(answer.context_data["object"])
            pages = Paginator(entries, PAGE)
            page = pages.get_page(request.GET.get(PAGE_VAR, 1))
            answer.context_data |= {"changes": page}
        return answer  # type: ignore[no-any-return]


class KindFilter(admin.SimpleListFilter):
    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the kinds whose changes are recorded."""
        models: list[Any] = auditlog.get_models()
        names = ((model._meta.label_lower, str(model._meta.verbose_name)) for model in models)
        return sorted(names, key=lambda pair: pair[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Change]) -> QuerySet[Change]:
        """Keep one kind."""
        if not self.value():
            return queryset
        chosen = [m for m in auditlog.get_models() if m._meta.label_lower == self.value()]
        kinds = ContentType.objects.get_for_models(*chosen).values()
        return queryset.filter(content_type__in=[kind.pk for kind in kinds])


@admin.register(Change, site=tenant_admin)
class ChangeAdmin(ModelAdmin):
    """All that happened, of what is gone, too."""

    list_display = ["timestamp", "actor_email", "action", "kind", "object_repr", "what"]
    list_display_links = ["timestamp"]
    list_filter = ["action", KindFilter, "timestamp"]
    search_fields = ["object_repr", "actor_email", "object_pk"]
    show_full_result_count = False
    fields = readonly_fields = [
        *("timestamp", "actor_email", "action", "kind", "object_repr", "object_pk", "cid", "table"),
    ]

    @admin.display(description=_("kind"))
    def kind(self, change: Change) -> str:
        """Show the name of the kind."""
        return change.kind.name

    @admin.display(description=_("fields"))
    def what(self, change: Change) -> str:
        """Show which fields changed."""
        return ", ".join(field.field for field in change.fields()) or "-"

    @admin.display(description=_("changes"))
    def table(self, change: Change) -> str:
        """Show each field's old value and new."""
        return render_to_string("history/fields.html", {"change": change})

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: what happened has happened."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False
