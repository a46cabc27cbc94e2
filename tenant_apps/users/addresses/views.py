from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import permissions, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenant_apps.integrations.idempotency import TakesIdempotencyKey

from ..passwords.serializers import RequestedSerializer
from ..throttling import OwnPasswordLimit
from .serializers import ChangeEmailSerializer

REQUESTED = _("If this address can be yours, it has mail with a link to confirm it.")


class ChangeEmailView(TakesIdempotencyKey, APIView):
    permission_classes = (permissions.IsAuthenticated,)
    throttle_classes = (OwnPasswordLimit,)

    @extend_schema(
        operation_id="change_email",
        summary="Ask for another e-mail address",
        request=ChangeEmailSerializer,
        responses={202: RequestedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Mail a link to the new address and a notice to the old; it changes when confirmed.

        The answer does not tell whether the new address is somebody else's.
        """
        sent = ChangeEmailSerializer(data=request.data, context={"request": request})
        sent.is_valid(raise_exception=True)
        sent.save()
        return Response({"detail": REQUESTED}, status.HTTP_202_ACCEPTED)
