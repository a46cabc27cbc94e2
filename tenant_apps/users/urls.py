from django.urls import path
from rest_framework.routers import SimpleRouter

from . import portal, views
from .roles import views as role_views

router = SimpleRouter()
router.register("roles", role_views.RoleViewSet)
router.register("users", role_views.PersonViewSet)

urlpatterns = [
    path("auth/login/", views.LoginView.as_view(), name="login"),
    path("auth/refresh/", views.RefreshView.as_view(), name="refresh"),
    path("auth/logout/", views.LogoutView.as_view(), name="logout"),
    path("me/", views.MeView.as_view(), name="me"),
    path("settings/", portal.SettingsView.as_view(), name="settings"),
    path("settings/logo/", portal.LogoView.as_view(), name="settings-logo"),
    path("permissions/", role_views.PermissionsView.as_view(), name="permissions"),
    path("grants/", role_views.GrantsView.as_view(), name="grants"),
    *router.urls,
]
