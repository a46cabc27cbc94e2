"""How endpoints appear in the OpenAPI documents: what they take, exactly."""

from typing import Any

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter
from rest_framework import permissions, serializers

from config.openapi_clients import operation_name
from shared_apps.tenants.api import StrictFields
from shared_apps.tenants.conditional import READS, ConditionalRequests, guards
from shared_apps.tenants.lists import NO_NUL
from shared_apps.tenants.sparse import FIELDS, SparseAnswers
from tenant_apps.integrations import idempotency
from tenant_apps.products.attribute_schema import (
    MAX_ATTRIBUTES,
    MAX_CHOICE,
    MAX_CHOICES,
    MAX_NAME,
    MAX_UNIT,
    NAME_FORM,
    TYPES,
)
from tenant_apps.products.fields import PRICE_FORM, URL_FORM
from tenant_apps.users.api_keys.scopes import scope_for

# PostgreSQL keeps no NUL; what is blank is refused where something must be said. Python takes more
# for blank than the \s of JSON Schema.
NOT_BLANK = r"^[^\x00]*[^\s\x00\x1c-\x1f\x85][^\x00]*$"


def _header(name: str, description: str, form: str = "") -> OpenApiParameter:
    schema = {"type": "string"} | ({"pattern": f"^{form}$"} if form else {})
    return OpenApiParameter(name, schema, OpenApiParameter.HEADER, description=description)


_KEY = _header(
    idempotency.HEADER,
    "Sent again with the same key, the request has one effect and its first answer, for 24 hours.",
    idempotency.FORM,
)
_IF_MATCH = _header("If-Match", "Change it only if its ETag is still one of these.")
_IF_NONE_MATCH = _header("If-None-Match", "Answer 304 if its ETag is one of these.")


class FreeholdSchema(AutoSchema):
    """The library's schema, with what our serializers refuse told."""

    def get_tags(self) -> list[str]:
        """Group operations by the first part of the path after ``/api/``."""
        return [self.path.split("/")[2]]

    def get_operation_id(self) -> str:
        """Name it as a program would call it: ``list_products``, ``change_role``, ``pay_order``."""
        action = getattr(self.view, "action", "")
        return operation_name(action, self.path) if action else super().get_operation_id()

    def get_auth(self) -> list[dict[str, list[str]]]:
        """Name the scope that a key needs; where anyone may read, signing in is optional."""
        scope = scope_for(self.view, self.method)
        schemes: list[dict[str, list[str]]] = [
            {name: [scope] if scope and name == ApiKeyScheme.name else roles}
            for scheme in super().get_auth()
            for name, roles in scheme.items()
            if scope or name != ApiKeyScheme.name
        ]
        if self.method in permissions.SAFE_METHODS and any(
            getattr(permission, "may_let_anyone_read", False)
            for permission in self.view.get_permissions()
        ):
            schemes.append({})
        return schemes

    def get_override_parameters(self) -> list[Any]:
        """Tell what the view's mixins take."""
        takes_key = isinstance(self.view, idempotency.TakesIdempotencyKey)
        if self.method == "POST" and takes_key:
            return [_KEY]
        taken: list[Any] = []
        if isinstance(self.view, SparseAnswers) and self.view.may_be_sparse:
            form = {"type": "string", "pattern": f"^{self.view.fields_form}$"}
            told = "The fields to answer with, separated by commas; without it, all."
            taken.append(OpenApiParameter(FIELDS, form, description=told))
        if isinstance(self.view, ConditionalRequests):
            if self.method in READS:
                taken.append(_IF_NONE_MATCH)
            if guards(self.view, self.method):
                taken.append(_IF_MATCH)
        return taken

    def _map_basic_serializer(self, serializer: Any, direction: str) -> Any:
        schema = super()._map_basic_serializer(serializer, direction)
        kind = serializer if isinstance(serializer, type) else type(serializer)
        if not vars(kind).get("__doc__"):
            schema.pop("description", None)  # its base class's, and not for readers of the API
        if direction == "request" and issubclass(kind, StrictFields):
            schema["additionalProperties"] = False
        return schema

    def _map_serializer_field(
        self, field: Any, direction: str, bypass_extensions: bool = False
    ) -> Any:
        schema = super()._map_serializer_field(field, direction, bypass_extensions)
        is_text = type(field) is serializers.CharField
        if is_text and direction == "request" and not field.allow_blank:
            schema["pattern"] = NOT_BLANK
        if direction == "request" and not getattr(field, "allow_empty", True):
            schema["minItems"] = 1
        return schema

    def _insert_field_validators(self, field: Any, schema: Any) -> None:
        super()._insert_field_validators(field, schema)
        # Only now: the library takes a text that has a pattern for one that cannot be empty.
        if type(field) is serializers.CharField:
            schema.setdefault("pattern", NO_NUL)


class PriceInDocuments(OpenApiSerializerFieldExtension):
    """A price is sent as a text or a number, and answered as a text."""

    target_class = "tenant_apps.products.fields.PriceField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> Any:
        """Describe it."""
        text = {"type": "string", "format": "decimal", "pattern": f"^(?:{PRICE_FORM})$"}
        if direction == "response":
            return text
        lowest, highest = float(self.target.min_value), float(self.target.max_value)
        number = {"type": "number", "minimum": lowest, "maximum": highest, "multipleOf": 0.01}
        return {"oneOf": [text, number]}


class ImageUrlInDocuments(OpenApiSerializerFieldExtension):
    """An address is taken in one form; those that came with a catalogue are as they were there."""

    target_class = "tenant_apps.products.fields.ImageUrlField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> Any:
        """Describe it."""
        return {"type": "string"} | ({"pattern": URL_FORM} if direction == "request" else {})


class JsonObjectInDocuments(OpenApiSerializerFieldExtension):
    """An object of whatever JSON PostgreSQL can keep."""

    target_class = "tenant_apps.products.fields.JsonObjectField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> Any:
        """Describe it, with any value inside as a component of its own, for it is recursive."""
        value: dict[str, Any] = {"$ref": "#/components/schemas/JsonValue"}
        members = {"propertyNames": {"pattern": NO_NUL}, "additionalProperties": value}
        # Each keyword is about one type. Without a type generators make it Any; of types that
        # hold each other they make nothing.
        anything = {"pattern": NO_NUL, "items": value, **members}
        component = ResolvedComponent(
            "JsonValue", ResolvedComponent.SCHEMA, schema=anything, object="JsonValue"
        )
        auto_schema.registry.register_on_missing(component)
        return {"type": "object", **members}


class AttributeSchemaInDocuments(OpenApiSerializerFieldExtension):
    """An object of attributes by name."""

    target_class = "tenant_apps.products.fields.AttributeSchemaField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> Any:
        """Describe it."""
        text = {"type": "string", "minLength": 1, "pattern": NO_NUL}
        of_any = {"required": {"type": "boolean"}, "unit": text | {"maxLength": MAX_UNIT}}
        choices = {
            "type": "array",
            "items": text | {"maxLength": MAX_CHOICE},
            "minItems": 1,
            "maxItems": MAX_CHOICES,
            "uniqueItems": True,
        }
        plain = [kind for kind in TYPES if kind != "choice"]
        forms = (
            {"type": {"type": "string", "enum": plain}},
            {"type": {"type": "string", "enum": ["choice"]}, "choices": choices},
        )
        return {
            "type": "object",
            "maxProperties": MAX_ATTRIBUTES,
            "propertyNames": {"pattern": NAME_FORM, "maxLength": MAX_NAME},
            "additionalProperties": {
                "oneOf": [
                    {
                        "type": "object",
                        "required": list(form),
                        "properties": form | of_any,
                        "additionalProperties": False,
                    }
                    for form in forms
                ]
            },
        }


class ApiKeyScheme(OpenApiAuthenticationExtension):
    """How :class:`ApiKeyAuthentication` appears in the documents."""

    target_class = "tenant_apps.users.api_keys.authentication.ApiKeyAuthentication"
    name = "api_key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Describe the Authorization header."""
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "fh_<environment>_<id>_<secret>",
            "description": "An API key, or the token that `/api/auth/token/` gives for one. It"
            " needs the scope named at the operation, and its account's role must allow it.",
        }


class TokenScheme(OpenApiAuthenticationExtension):
    """How :class:`TenantJWTAuthentication` appears in the documents."""

    target_class = "tenant_apps.users.authentication.TenantJWTAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Describe the Authorization header."""
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A person's: `access`, as `/api/auth/login/` answers it.",
        }


class SessionScheme(OpenApiAuthenticationExtension):
    """How :class:`AdminSessionAuthentication` appears in the documents."""

    target_class = "tenant_apps.users.authentication.AdminSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Describe the session cookie."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
