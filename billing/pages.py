"""Pages of the public host: landing and sign-up."""

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from shared_apps.plans.models import Plan
from shared_apps.tenants import limits
from shared_apps.tenants.provisioning.pool import PoolEmpty
from shared_apps.tenants.subdomains import why_not
from tenant_apps.users.page_forms import new_password_field, show_errors

from .serializers import SignUpSerializer, signed_up
from .signing_up import SubdomainTaken, just_opened

# htmx asks whether the name is free, and shows the answer, while it is typed.
_LIVE_CHECK = {
    "autocapitalize": "none",
    "autocomplete": "off",
    "spellcheck": "false",
    "hx-get": "/signup/subdomain/",
    "hx-target": "#subdomain-state",
    "hx-trigger": "input changed delay:250ms",
}


class SignUpForm(forms.Form):
    """The page's fields; what they may hold is asked of :class:`SignUpSerializer`."""

    company = forms.CharField(
        label=_("Company"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    subdomain = forms.CharField(
        label=_("Address"), max_length=63, widget=forms.TextInput(attrs=_LIVE_CHECK)
    )
    email = forms.EmailField(
        label=_("Your e-mail"), widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )
    password = new_password_field()
    plan = forms.ModelChoiceField(
        Plan.objects.on_offer(),
        label=_("Plan"),
        to_field_name="code",
        empty_label=None,
        widget=forms.RadioSelect,
    )


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    """Say what this is and show the plans."""
    return render(request, "billing/landing.html", {"plans": Plan.objects.on_offer()})


@require_safe
def plans(request: HttpRequest) -> HttpResponse:
    """Show the plans."""
    return render(request, "billing/plans.html", {"plans": Plan.objects.on_offer()})


@require_safe
def subdomain_state(request: HttpRequest) -> HttpResponse:
    """Say whether ``?subdomain=`` is free: a part of the sign-up page, in its language."""
    name = request.GET.get("subdomain", "").strip().lower()[:63]
    context = {"subdomain": name, "reason": why_not(name) if name else ""}
    return render(request, "billing/subdomain.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def sign_up_page(request: HttpRequest) -> HttpResponse:
    """Show the form, or sign the company up."""

    def show(form: SignUpForm, status: int) -> HttpResponse:
        context = {"form": form, "domain": settings.FREEHOLD_DOMAIN, "subdomain": ""}
        return render(request, "billing/sign_up.html", context, status=status)

    if request.method != "POST":
        return show(SignUpForm(initial={"plan": request.GET.get("plan", "free")}), 200)
    form = SignUpForm(request.POST)
    sent = {name: request.POST.get(name, "") for name in form.fields}
    # As the live check read it.
    sent["subdomain"] = sent["subdomain"].strip().lower()
    serializer = SignUpSerializer(data=sent)
    if not serializer.is_valid():
        show_errors(form, serializer.errors)
        if "subdomain" not in serializer.errors and (reason := why_not(sent["subdomain"])):
            form.add_error("subdomain", reason)
        return show(form, 400)
    data = serializer.validated_data
    try:
        limits.count("signup", request)
        tenant = serializer.save()
    except SubdomainTaken as error:
        again = {name: data[name] for name in ("subdomain", "email", "password")}
        tenant = just_opened(**again)
        if tenant is None:
            form.add_error("subdomain", str(error))
            return show(form, 409)
    except limits.TooOften as error:
        form.add_error(None, str(error))
        return show(form, 429)
    except (PoolEmpty, limits.LimitsUnavailable):
        form.add_error(None, _("We are busy. Please try again in a moment."))
        return show(form, 503)
    return render(
        request,
        "billing/signed_up.html",
        {
            "tenant_name": tenant.name,
            "url": signed_up(tenant, data["subdomain"])["url"],
            "email": data["email"],
        },
        status=201,
    )
