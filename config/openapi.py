"""How endpoints appear in the OpenAPI documents."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_standardized_errors.openapi import AutoSchema


class FreeholdSchema(AutoSchema):
    """The libraries' schema, with ids and tags from the path."""

    def get_tags(self) -> list[str]:
        """Group operations by the first part of the path after ``/api/``."""
        return [self.path.split("/")[2]]


class TokenScheme(OpenApiAuthenticationExtension):
    """How :class:`TenantJWTAuthentication` appears in the documents."""

    target_class = "tenant_apps.users.authentication.TenantJWTAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Describe the Authorization header."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class SessionScheme(OpenApiAuthenticationExtension):
    """How :class:`AdminSessionAuthentication` appears in the documents."""

    target_class = "tenant_apps.users.authentication.AdminSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Describe the session cookie."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
