"""Routes of a tenant's host."""

from typing import Any

from django.urls import include, path
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny

from billing.usage.views import UsageView
from config.openapi_documents import DocumentView
from shared_apps.tenants.admin_sites import tenant_admin
from tenant_apps.files.pages import signed_file
from tenant_apps.orders.cart.pages import cart_page
from tenant_apps.orders.pages import cancel_order, order_page, orders_page
from tenant_apps.products.pages import home, product_page
from tenant_apps.users.addresses.pages import confirm_new_email
from tenant_apps.users.invitations.pages import accept_page
from tenant_apps.users.jwks import jwks
from tenant_apps.users.logins.pages import sign_in, sign_out
from tenant_apps.users.look import logo, look
from tenant_apps.users.pages import confirm_email
from tenant_apps.users.passwords.pages import forgotten_password, reset_password_page
from tenant_apps.users.profile import end_login, end_other_logins, profile

_OPEN = {"authentication_classes": [], "permission_classes": [AllowAny]}

# What is asked for most stands first: patterns are tried one after the other.
api: list[Any] = [
    path("", include("tenant_apps.products.urls")),
    path("", include("tenant_apps.orders.urls")),
    path("", include("tenant_apps.users.urls")),
    path("billing/", include("billing.owner.urls")),
    path("usage/", UsageView.as_view(), name="usage"),
]
urlpatterns = [
    path("api/", include(api)),
    path(".well-known/jwks.json", jwks, name="jwks"),
    path("", home, name="home"),
    path("products/<slug:slug>/", product_page, name="product"),
    path("confirm-email/<str:token>/", confirm_email, name="confirm-email"),
    path("confirm-new-email/<str:token>/", confirm_new_email, name="confirm-new-email"),
    path("invitation/<str:token>/", accept_page, name="invitation"),
    path("sign-in/", sign_in, name="sign-in"),
    path("sign-out/", sign_out, name="sign-out"),
    path("profile/", profile, name="profile"),
    path("profile/logins/<uuid:login>/end/", end_login, name="end-login"),
    path("profile/logins/end-others/", end_other_logins, name="end-other-logins"),
    # Named as the admin's sign-in page looks for it.
    path("forgotten-password/", forgotten_password, name="admin_password_reset"),
    path("reset-password/<str:token>/", reset_password_page, name="reset-password"),
    path("cart/", cart_page, name="cart"),
    path("orders/", orders_page, name="orders"),
    path("orders/<int:number>/", order_page, name="order"),
    path("orders/<int:number>/cancel/", cancel_order, name="cancel-order"),
    path("logo/", logo, name="logo"),
    path("look.css", look, name="look"),
    path("files/<str:token>/", signed_file, name="file"),
    path("admin/billing/", include("billing.owner.admin_urls")),
    path("admin/", tenant_admin.urls),
    path("api/schema/", DocumentView.as_view(urlconf="config.urls_tenant"), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema", **_OPEN), name="docs"),
]

handler400 = "config.exceptions.bad_request"
handler403 = "config.exceptions.permission_denied"
handler404 = "config.exceptions.not_found"
handler500 = "config.exceptions.server_error"
