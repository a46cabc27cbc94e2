"""Routes of the public host."""

from django.urls import include, path
from drf_spectacular.views import SpectacularSwaggerSplitView

from billing import pages, views
from billing.webhook import stripe_webhook
from config.openapi_documents import DocumentView
from shared_apps.tenants.admin_sites import operators_admin

from .urls_tenant import _OPEN, handler400, handler403, handler404, handler500

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

api = [
    path("signup/", views.SignUpView.as_view(), name="sign-up"),
    path("signup/subdomain/", views.SubdomainView.as_view(), name="subdomain"),
    path("plans/", views.PlansView.as_view(), name="plans"),
    path("stripe/webhook/", stripe_webhook, name="stripe-webhook"),
]
urlpatterns = [
    path("", pages.landing, name="landing"),
    path("signup/", pages.sign_up_page, name="sign-up-page"),
    path("signup/subdomain/", pages.subdomain_state, name="subdomain-state"),
    path("plans/", pages.plans, name="plans-page"),
    path("admin/", operators_admin.urls),
    path("api/", include(api)),
    path("api/schema/", DocumentView.as_view(urlconf="config.urls_public"), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema", **_OPEN), name="docs"),
]
