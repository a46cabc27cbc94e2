from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, permissions, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from shared_apps.tenants.conditional import ConditionalRequests
from shared_apps.tenants.lists import DeclaredParameters, Search, StableOrdering
from shared_apps.tenants.sparse import SparseAnswers
from tenant_apps.integrations.idempotency import TakesIdempotencyKey

from ..models import Invitation
from ..serializers import MeSerializer
from ..throttling import SecretLimit
from . import serializers
from .inviting import resend, revoke


class Invites(permissions.IsAuthenticated):
    """May invite people."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask the role."""
        return bool(request.user.is_authenticated and request.user.has_perm("users.invite_user"))


@extend_schema_view(
    list=extend_schema(summary="List invitations, the newest first"),
    create=extend_schema(summary="Invite somebody by e-mail"),
)
class InvitationViewSet(
    TakesIdempotencyKey,
    ConditionalRequests,
    SparseAnswers,
    mixins.ListModelMixin,
    mixins.CreateModelMixin,
    viewsets.GenericViewSet[Invitation],
):
    """Invitations: open, accepted, revoked and expired ones."""

    queryset = Invitation.objects.prefetch_related("roles")
    serializer_class = serializers.InvitationSerializer
    permission_classes = [Invites]
    filter_backends = [DeclaredParameters, Search, StableOrdering]
    search_fields = ["email"]
    ordering_fields = ["created_at", "email"]
    ordering = ["-created_at"]

    @extend_schema(
        summary="Send an invitation again; the former link is void",
        request=None,
        responses={200: serializers.InvitationSerializer},
    )
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, pk: str | None = None) -> Response:
        """Mail a new link that works for seven days from now."""
        invitation = self.get_object()
        acting: Any = request.user
        resend(acting=acting, invitation=invitation)
        return Response(self.get_serializer(invitation).data)

    @extend_schema(
        summary="Revoke an invitation; its link is void", request=None, responses={204: None}
    )
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str | None = None) -> Response:
        """Make the link void."""
        acting: Any = request.user
        revoke(acting=acting, invitation=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)


class AcceptInvitationView(APIView):
    authentication_classes = ()
    permission_classes = (permissions.AllowAny,)
    throttle_classes = (SecretLimit,)

    @extend_schema(
        operation_id="accept_invitation",
        summary="Accept an invitation",
        request=serializers.AcceptInvitationSerializer,
        responses={201: MeSerializer, 404: None},
    )
    def post(self, request: Request) -> Response:
        """Make the person who was invited; they sign in with the password they chose.

        A link that is unknown, used, revoked or too old is answered alike, with 404.
        """
        sent = serializers.AcceptInvitationSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        return Response(MeSerializer(sent.save()).data, status.HTTP_201_CREATED)
