"""``/admin/billing/``: the page on which an owner sees, pays and changes the portal's plan."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from rest_framework.exceptions import ValidationError

from shared_apps.tenants import scope
from shared_apps.tenants.admin_sites import tenant_admin
from shared_apps.tenants.gate import refused_but_owners
from shared_apps.tenants.links import BILLING_PAGE
from tenant_apps.users.roles.ownership import is_owner

from ..models import Interval, SubscriptionStatus
from ..stripe_gateway import NotConfigured, StripeRefused, StripeUnavailable
from . import paying, serializers

_REFUSALS = (
    *(NotConfigured, StripeRefused, StripeUnavailable),
    *(paying.CheckoutNeeded, paying.NotSubscribed),
    *(paying.PaymentNeeded, paying.SubscribedAlready),
)
View = Callable[[HttpRequest], HttpResponse]


class ChosenForm(forms.Form):
    """A plan and its interval in one choice, ``team-month``; the API's serializer decides."""

    offer = forms.RegexField(r"[a-z]+-(month|year)")
    prorated_at = forms.CharField(required=False)

    def chosen(self) -> dict[str, Any]:
        """Return plan, interval and moment.

        Raises:
            ValidationError: there is no such offer, or its preview is too old.

        """
        if not self.is_valid():
            raise ValidationError(_("Choose a plan."))
        plan, _dash, interval = self.cleaned_data["offer"].partition("-")
        moment = self.cleaned_data["prorated_at"]
        data = {"plan": plan, "interval": interval} | ({"prorated_at": moment} if moment else {})
        asked = serializers.ChangeSerializer(data=data)
        asked.is_valid(raise_exception=True)
        chosen: dict[str, Any] = asked.validated_data
        return chosen


def account_links(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the links of the admin's account menu."""
    links = [{"title": _("Change password"), "link": reverse("admin:password_change")}]
    active = scope.current()
    if active is not None and active.kind == "tenant" and is_owner(request.user):
        links.insert(0, {"title": _("Plan and billing"), "link": BILLING_PAGE})
    return links


def _for_owners(view: View) -> Any:
    """Wrap a page of the admin: owners alone; what is refused is said on the first page."""

    @wraps(view)
    def shown(request: HttpRequest) -> HttpResponse:
        if not is_owner(request.user):
            raise PermissionDenied
        try:
            return view(request)
        except _REFUSALS as error:
            messages.error(request, str(error))
        except ValidationError as error:
            [why, *_others] = _texts_of(error.detail)
            messages.error(request, why)
        return redirect(BILLING_PAGE)

    return tenant_admin.admin_view(shown)


def _texts_of(detail: Any) -> list[str]:
    if isinstance(detail, dict):
        return [text for each in detail.values() for text in _texts_of(each)]
    return [str(text) for text in detail]


def _page(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    request.current_app = tenant_admin.name
    context |= {**tenant_admin.each_context(request), "title": title}
    return TemplateResponse(request, f"billing/admin/{template}.html", context)


@_for_owners
@require_GET
def billing_page(request: HttpRequest) -> HttpResponse:
    """Show the plan, what becomes of it, the plans on offer and the invoices."""
    billing = paying.overview()
    invoices: list[Any] | None
    try:
        invoices = paying.invoices()
    except (StripeRefused, StripeUnavailable):
        invoices = None
    if request.GET.get("paid") == "yes":
        messages.success(request, _("Thank you. Your plan changes as soon as Stripe tells us."))
    is_shut = refused_but_owners(scope.active_tenant()) is not None
    return _page(
        request,
        "billing",
        _("Plan and billing"),
        billing=billing,
        status=SubscriptionStatus(billing["status"]).label,
        offers=_to_choose(billing),
        invoices=invoices,
        exports=_exports(request) if is_shut else [],
    )


def _to_choose(billing: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the offers, each marked if it is the portal's; without payments the free one."""
    return [
        offer | {"is_own": (offer["plan"], offer["interval"]) == _own(billing)}
        for offer in billing["offers"]
        if billing["takes_payments"] or not offer["price"]
    ]


def _own(billing: dict[str, Any]) -> tuple[str, str]:
    free = {offer["plan"] for offer in billing["offers"] if not offer["price"]}
    interval = Interval.MONTH if billing["plan"] in free else billing["interval"]
    return billing["plan"], interval


def _exports(request: HttpRequest) -> list[dict[str, str]]:
    """Return what the person may take along, and where."""
    return [
        {
            "name": str(model._meta.verbose_name_plural),
            "url": reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_export"),
        }
        for model, admin in tenant_admin._registry.items()
        if hasattr(admin, "has_export_permission") and admin.has_export_permission(request)
    ]


@_for_owners
def change_page(request: HttpRequest) -> HttpResponse:
    """Show what the chosen plan costs; when that is confirmed change it, or go to Checkout."""
    if request.method != "POST":
        chosen = ChosenForm(request.GET).chosen()
        now = timezone.now().replace(microsecond=0)
        preview = paying.preview(chosen["plan"], chosen["interval"], now)
        title = _("Change to %(plan)s?") % {"plan": chosen["plan"].name}
        offer = request.GET["offer"]
        return _page(request, "change", title, preview=preview, plan=chosen["plan"], offer=offer)
    chosen = ChosenForm(request.POST).chosen()
    plan, interval = chosen["plan"], chosen["interval"]
    try:
        paying.change(plan, interval, chosen.get("prorated_at") or timezone.now())
    except paying.CheckoutNeeded:
        return redirect(paying.checkout(plan, interval))
    messages.success(request, _("The plan was changed."))
    return redirect(BILLING_PAGE)


@_for_owners
@require_POST
def customer_portal(request: HttpRequest) -> HttpResponse:
    """Go to Stripe's pages for means of payment and invoices."""
    return redirect(paying.customer_portal())


@_for_owners
@require_POST
def cancel(request: HttpRequest) -> HttpResponse:
    """Let the subscription end with its period."""
    paying.set_cancelling(cancels=True)
    messages.success(request, _("The subscription ends with what is paid."))
    return redirect(BILLING_PAGE)


@_for_owners
@require_POST
def resume(request: HttpRequest) -> HttpResponse:
    """Let it go on after all."""
    paying.set_cancelling(cancels=False)
    messages.success(request, _("The subscription goes on."))
    return redirect(BILLING_PAGE)
