"""The page between an action of the admin and its deed: it lists what will change."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

# How many rows the page lists; how many more there are it says.
SHOWN = 100


def is_confirmed(request: HttpRequest) -> bool:
    """Tell whether the person has seen the page and said yes."""
    return request.POST.get("confirmed") == "yes"


def confirmation(
    model_admin: Any,
    request: HttpRequest,
    rows: QuerySet[Any],
    *,
    question: str,
    tell: Callable[[Any], str],
    shown: int = SHOWN,
) -> TemplateResponse:
    """Return the page that asks ``question`` and tells of each row what will become of it.

    Its form sends the action again, with what was selected; all rows of a list stay its filter.
    """
    lines = [tell(row) for row in rows[:shown]]
    context = {
        **model_admin.admin_site.each_context(request),
        "title": question,
        "opts": model_admin.model._meta,
        "lines": lines,
        "more": rows.count() - len(lines),
        "action": request.POST.get("action", ""),
        "select_across": request.POST.get("select_across", "0"),
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "checkbox": ACTION_CHECKBOX_NAME,
        "back": request.get_full_path(),
    }
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(request, "freehold/confirm_action.html", context)
