from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, permissions, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from shared_apps.tenants.conditional import ConditionalRequests

from . import serializers
from .logins.current import login_of
from .models import User
from .throttling import LoginLimit
from .tokens import close_login


class _TokenView(generics.GenericAPIView[Any]):
    authentication_classes = ()
    permission_classes = (permissions.AllowAny,)

    def get_authenticate_header(self, request: Request) -> str:
        """Name the scheme, so that a refusal is a 401: no authenticator does it here."""
        return 'Bearer realm="api"'

    def answer(self, request: Request) -> Response:
        """Validate the body and return the pair its serializer makes."""
        serializer: BaseSerializer[Any] = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response(serializer.save())


class LoginView(_TokenView):
    throttle_classes = (LoginLimit,)
    serializer_class = serializers.LoginSerializer

    @extend_schema(
        operation_id="login",
        summary="Sign in with e-mail and password",
        responses={200: serializers.TokenPairSerializer, 401: None},
    )
    def post(self, request: Request) -> Response:
        """Return an access token (10 minutes) and a refresh token (14 days) of this portal."""
        return self.answer(request)


class RefreshView(_TokenView):
    serializer_class = serializers.RefreshSerializer

    @extend_schema(
        operation_id="refresh",
        summary="Exchange a refresh token for the next pair",
        responses={200: serializers.TokenPairSerializer, 401: None},
    )
    def post(self, request: Request) -> Response:
        """Return the next pair; the token presented is used up.

        A token used twice ends the whole login, unless the second use comes within 10 seconds.
        """
        return self.answer(request)


class LogoutView(APIView):
    permission_classes = (permissions.IsAuthenticated,)

    @extend_schema(
        operation_id="logout", summary="End this login", request=None, responses={204: None}
    )
    def post(self, request: Request) -> Response:
        """End the login that the request came with; a refresh token of it is void."""
        if login := login_of(request):
            close_login(login)
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema_view(
    get=extend_schema(operation_id="read_me", summary="Read who you are"),
    patch=extend_schema(operation_id="change_me", summary="Change your name"),
)
class MeView(ConditionalRequests, generics.RetrieveUpdateAPIView[User]):
    """Who the token belongs to."""

    serializer_class = serializers.MeSerializer
    permission_classes = (permissions.IsAuthenticated,)
    http_method_names = ["get", "patch", "head", "options"]

    def get_object(self) -> User:
        """Return the caller, as they are by now."""
        return User.objects.get(pk=self.request.user.pk)  # type: ignore[misc]  # signed in
