from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class UsersConfig(AppConfig):
    name = "tenant_apps.users"
    verbose_name = _("People and roles")

    def ready(self) -> None:
        from tenant_apps.history.recording import track

        from .models import ApiKey, Invitation, PortalSettings, Role, User
        from .roles.objects import PersonGrant, RoleGrant, grant_model, grantable_models

        secret = ["password", "token_version", "last_login"]
        track(User, without=[*secret, "is_superuser", "is_service"], relations=["groups"])
        track(Role, without=["group_ptr", "uuid", "code"], relations=["permissions"])
        track(PortalSettings)
        track(Invitation, without=["digest", "serial"], relations=["roles"])
        track(ApiKey, without=["digest", "last_used_at"])
        for kind in grantable_models():
            for base in (PersonGrant, RoleGrant):
                track(grant_model(kind, base))
