from django.urls import path
from rest_framework.routers import SimpleRouter

from . import portal, views
from .addresses import views as address_views
from .api_keys import views as api_key_views
from .api_keys.client_credentials import KeyTokenView
from .invitations import views as invitation_views
from .logins import views as login_views
from .passwords import views as password_views
from .roles import views as role_views

router = SimpleRouter()
router.register("roles", role_views.RoleViewSet)
router.register("api-keys", api_key_views.ApiKeyViewSet)
router.register("me/sessions", login_views.SessionViewSet, basename="session")
router.register("invitations", invitation_views.InvitationViewSet)
router.register("users", role_views.PersonViewSet)

urlpatterns = [
    path("auth/login/", views.LoginView.as_view(), name="login"),
    path("auth/refresh/", views.RefreshView.as_view(), name="refresh"),
    path("auth/token/", KeyTokenView.as_view(), name="key-token"),
    path("auth/logout/", views.LogoutView.as_view(), name="logout"),
    path(
        "auth/password-reset/",
        password_views.RequestResetView.as_view(),
        name="request-password-reset",
    ),
    path(
        "auth/password-reset/confirm/",
        password_views.ConfirmResetView.as_view(),
        name="confirm-password-reset",
    ),
    path("me/password/", password_views.ChangePasswordView.as_view(), name="change-password"),
    path("me/email/", address_views.ChangeEmailView.as_view(), name="change-email"),
    path("users/<uuid:id>/make-owner/", role_views.MakeOwnerView.as_view(), name="make-owner"),
    path(
        "users/<uuid:id>/revoke-sessions/",
        login_views.RevokeSessionsView.as_view(),
        name="revoke-sessions",
    ),
    path(
        "invitations/accept/",
        invitation_views.AcceptInvitationView.as_view(),
        name="accept-invitation",
    ),
    path("me/", views.MeView.as_view(), name="me"),
    path("settings/", portal.SettingsView.as_view(), name="settings"),
    path("settings/logo/", portal.LogoView.as_view(), name="settings-logo"),
    path("permissions/", role_views.PermissionsView.as_view(), name="permissions"),
    path("grants/", role_views.GrantsView.as_view(), name="grants"),
    *router.urls,
]
