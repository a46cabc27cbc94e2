from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, permissions, status, viewsets
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from shared_apps.tenants.conditional import ConditionalRequests
from shared_apps.tenants.lists import DeclaredParameters, StableOrdering
from shared_apps.tenants.sparse import SparseAnswers
from tenant_apps.integrations.idempotency import TakesIdempotencyKey

from ..models import RefreshFamily, User
from ..roles.views import ManagesPeople
from .current import login_of
from .ending import end_logins_of
from .serializers import SessionSerializer


@extend_schema_view(
    list=extend_schema(summary="List where you are signed in"),
    destroy=extend_schema(summary="End one of your logins"),
)
class SessionViewSet(
    TakesIdempotencyKey,
    ConditionalRequests,
    SparseAnswers,
    mixins.ListModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[RefreshFamily],
):
    """Your logins: by the API, and in browsers."""

    queryset = RefreshFamily.objects.all()
    serializer_class = SessionSerializer
    permission_classes = [permissions.IsAuthenticated]
    filter_backends = [DeclaredParameters, StableOrdering]
    ordering_fields = ["created_at"]
    ordering = ["-created_at"]

    def get_queryset(self) -> QuerySet[RefreshFamily]:
        """Return the caller's own that have not ended."""
        return RefreshFamily.objects.alive().filter(user=self.request.user.pk)

    def perform_destroy(self, instance: RefreshFamily) -> None:
        """End it; the row stays for a while."""
        instance.end()

    @extend_schema(
        operation_id="revoke_other_sessions",
        summary="End all your logins but this",
        request=None,
        responses={204: None},
    )
    @action(detail=False, methods=["post"], url_path="revoke-others")
    def revoke_others(self, request: Request) -> Response:
        """End every login but the one that this request came with."""
        user: Any = request.user
        user.end_logins(but=login_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class RevokeSessionsView(TakesIdempotencyKey, APIView):
    permission_classes = (ManagesPeople,)

    @extend_schema(
        operation_id="revoke_sessions",
        summary="End all logins of a person",
        request=None,
        responses={204: None},
    )
    def post(self, request: Request, id: UUID) -> Response:  # noqa: A002  # the path's
        """End every login of somebody who does not outrank the caller."""
        person = get_object_or_404(User.objects.all(), pk=id)
        acting: Any = request.user
        end_logins_of(acting=acting, user=person)
        return Response(status=status.HTTP_204_NO_CONTENT)
