from django.contrib.auth import update_session_auth_hash
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import permissions, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenant_apps.integrations.idempotency import TakesIdempotencyKey

from ..logins.current import login_of
from ..throttling import OwnPasswordLimit, ResetLimit, SecretLimit
from . import serializers

REQUESTED = _("If this is the address of a person here, they have mail with a link.")


class ChangePasswordView(TakesIdempotencyKey, APIView):
    permission_classes = (permissions.IsAuthenticated,)
    throttle_classes = (OwnPasswordLimit,)

    @extend_schema(
        operation_id="change_password",
        summary="Change your password; your other logins end",
        request=serializers.ChangePasswordSerializer,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        """Change the password; this login goes on, every other one ends."""
        sent = serializers.ChangePasswordSerializer(data=request.data, context={"request": request})
        sent.is_valid(raise_exception=True)
        sent.save(login=login_of(request))
        if request.auth is None:  # the admin's session, which knows the password's digest
            update_session_auth_hash(request._request, request.user)  # type: ignore[arg-type]  # signed in
        return Response(status=status.HTTP_204_NO_CONTENT)


class _OpenView(APIView):
    authentication_classes = ()
    permission_classes = (permissions.AllowAny,)


class RequestResetView(_OpenView):
    throttle_classes = (ResetLimit,)

    @extend_schema(
        operation_id="request_password_reset",
        summary="Ask for a link to choose a new password",
        request=serializers.RequestResetSerializer,
        responses={202: serializers.RequestedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Mail a link to the person with this address; the answer never tells if there is one."""
        sent = serializers.RequestResetSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        sent.save()
        return Response({"detail": REQUESTED}, status.HTTP_202_ACCEPTED)


class ConfirmResetView(_OpenView):
    throttle_classes = (SecretLimit,)

    @extend_schema(
        operation_id="confirm_password_reset",
        summary="Choose a new password with a link",
        request=serializers.ConfirmResetSerializer,
        responses={204: None, 404: None},
    )
    def post(self, request: Request) -> Response:
        """Set the password and end every login; the link is used up.

        A link that is unknown, used or too old is answered alike, with 404.
        """
        sent = serializers.ConfirmResetSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        sent.save()
        return Response(status=status.HTTP_204_NO_CONTENT)
