"""The two admin sites: a tenant's and the operators'. No model of one is in the other.

Both are named ``admin``: each is the only one in its host's urlconf.
"""

from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.sites import UnfoldAdminSite

from . import limits, scope


class LimitedAdminSite(UnfoldAdminSite):
    """An admin whose sign-in counts its tries."""

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the form or sign in; 429 and 503 as the API's login answers."""
        if request.method == "POST":
            try:
                limits.count("login", request, request.POST.get("username", ""))
            except limits.TooOften as error:
                answer = HttpResponse(str(error), status=429, content_type="text/plain")
                answer["Retry-After"] = str(error.seconds)
                return answer
            except limits.LimitsUnavailable as error:
                return HttpResponse(str(error), status=503, content_type="text/plain")
        if not request.GET.get(REDIRECT_FIELD_NAME):
            # Unfold's form has no field for it: what is not in its address is lost.
            query = urlencode({REDIRECT_FIELD_NAME: reverse("admin:index")})
            extra_context = {"app_path": f"{request.path}?{query}", **(extra_context or {})}
        page: HttpResponse = super().login(request, extra_context)
        return page

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Ask with ``password_change_form``, as Django does and Unfold does not."""
        page: HttpResponse = AdminSite.password_change(self, request, extra_context)
        return page


class TenantAdminSite(LimitedAdminSite):
    """``/admin/`` of a portal; opens for people whose role says so."""

    index_template = "freehold/admin_index.html"

    def has_permission(self, request: HttpRequest) -> bool:
        """Ask the scope as well: this site serves tenants, whatever it is mounted on."""
        active = scope.current()
        return active is not None and active.kind == "tenant" and super().has_permission(request)


class OperatorsAdminSite(LimitedAdminSite):
    """``/admin/`` of the public host, for the operators of the platform."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Ask the scope as well: this site serves the public schema only."""
        active = scope.current()
        return active is not None and active.kind == "public" and super().has_permission(request)


tenant_admin = TenantAdminSite()
operators_admin = OperatorsAdminSite()
