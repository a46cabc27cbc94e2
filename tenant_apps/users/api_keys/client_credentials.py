"""``/api/auth/token/``: a key for a short token, as OAuth 2.0 has it (RFC 6749, section 4.4).

For clients that know OAuth and for verifiers that know JWT; a key alone opens the API as well.
"""

import base64
from binascii import Error as NotBase64
from typing import Any
from urllib.parse import unquote_plus

from django.conf import settings
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import parsers, permissions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from shared_apps.tenants.limits import client_address

from ..models import ApiKey
from ..tokens import AccessToken
from .scopes import SCOPES
from .text import read_id

GRANT_TYPE = "client_credentials"
_ONE_SCOPE = f"(?:{'|'.join(SCOPES)})"
ERRORS = {
    "invalid_request": "A parameter is missing, or there twice.",
    "invalid_client": "This key is not valid here.",
    "unsupported_grant_type": f"The grant_type is {GRANT_TYPE}.",
    "invalid_scope": "The key has not all of these scopes.",
}


class ClientCredentialsSerializer(serializers.Serializer[Any]):
    """A key, as RFC 6749 sends it."""

    grant_type = serializers.ChoiceField(choices=[GRANT_TYPE])
    client_id = serializers.CharField(
        required=False, help_text="The key's id; it and the secret may come as HTTP Basic instead."
    )
    client_secret = serializers.CharField(
        required=False, help_text="What follows the last _ of the key."
    )
    scope = serializers.RegexField(
        f"^{_ONE_SCOPE}(?: {_ONE_SCOPE})*$",
        required=False,
        help_text="Some of the key's scopes, separated by spaces; left out: all of them.",
    )


class KeyTokenSerializer(serializers.Serializer[Any]):
    """A token for a key."""

    access_token = serializers.CharField()
    token_type = serializers.ChoiceField(choices=["Bearer"])
    expires_in = serializers.IntegerField(help_text="Seconds.")
    scope = serializers.CharField()


class OAuthErrorSerializer(serializers.Serializer[Any]):
    """A refusal, as RFC 6749 has it (section 5.2)."""

    error = serializers.ChoiceField(choices=sorted(ERRORS))
    error_description = serializers.CharField()


class OAuthError(ValueError):
    """An error of RFC 6749, section 5.2, by its code (a key of ``ERRORS``)."""


class KeyTokenView(APIView):
    """Where a key is exchanged."""

    authentication_classes = ()
    permission_classes = (permissions.AllowAny,)
    parser_classes = (parsers.FormParser,)

    @extend_schema(
        operation_id="exchange_api_key",
        summary="Exchange an API key for a short token",
        request={"application/x-www-form-urlencoded": ClientCredentialsSerializer},
        responses={
            200: KeyTokenSerializer,
            400: OpenApiResponse(OAuthErrorSerializer, "Refused, as RFC 6749 has it"),
            401: OpenApiResponse(OAuthErrorSerializer, "The key is not valid here"),
        },
    )
    def post(self, request: Request) -> Response:
        """Return a token (10 minutes) with the key's scopes, void as soon as the key is."""
        try:
            answer = Response(_granted(request))
        except OAuthError as error:
            answer = _refused(str(error))
        answer["Cache-Control"] = "no-store"
        answer["Pragma"] = "no-cache"
        return answer


def _granted(request: Request) -> dict[str, Any]:
    # Others are ignored, as the RFC wants it.
    body: Any = request.data
    known = body.keys() & {"grant_type", "client_id", "client_secret", "scope"}
    sent = {name: body.getlist(name) for name in known}
    if any(len(values) > 1 for values in sent.values()):
        raise OAuthError("invalid_request")
    form = {name: values[0] for name, values in sent.items() if values[0]}
    if "grant_type" not in form:
        raise OAuthError("invalid_request")
    if form["grant_type"] != GRANT_TYPE:
        raise OAuthError("unsupported_grant_type")
    client_id, secret = _client(request, form)
    address = client_address(request._request)
    key = ApiKey.objects.opened_by(read_id(client_id), secret, address=address)
    if key is None:
        raise OAuthError("invalid_client")
    scopes = sorted(set(form["scope"].split(" "))) if "scope" in form else key.scopes
    if not set(scopes) <= set(key.scopes):
        raise OAuthError("invalid_scope")
    key.note_use()
    lifetime: Any = settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"]
    return {
        "access_token": str(AccessToken.for_key(key, scopes)),
        "token_type": "Bearer",
        "expires_in": int(lifetime.total_seconds()),
        "scope": " ".join(scopes),
    }


def _client(request: Request, form: dict[str, str]) -> tuple[str, str]:
    """Return id and secret: of the header, or of the body, and not of both."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    in_body = form.get("client_id", ""), form.get("client_secret", "")
    if scheme.lower() != "basic":
        return in_body
    if in_body[1]:
        raise OAuthError("invalid_request")
    try:
        client_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (NotBase64, UnicodeDecodeError) as error:
        raise OAuthError("invalid_client") from error
    return unquote_plus(client_id), unquote_plus(secret)


def _refused(error: str) -> Response:
    body = {"error": error, "error_description": ERRORS[error]}
    if error != "invalid_client":
        return Response(body, status.HTTP_400_BAD_REQUEST)
    headers = {"WWW-Authenticate": 'Basic realm="api"'}
    return Response(body, status.HTTP_401_UNAUTHORIZED, headers=headers)
