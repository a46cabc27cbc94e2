from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, permissions, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.tenants.conditional import ConditionalRequests
from shared_apps.tenants.lists import DeclaredParameters, Search, StableOrdering
from shared_apps.tenants.sparse import SparseAnswers

from ..models import ApiKey
from . import serializers
from .issuing import revoke


class ManagesKeys(permissions.IsAuthenticated):
    """May make and revoke API keys."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Ask the role."""
        return bool(request.user.is_authenticated and request.user.has_perm("users.manage_apikey"))


@extend_schema_view(
    list=extend_schema(summary="List API keys, the newest first"),
    retrieve=extend_schema(summary="Read an API key's settings and use"),
)
class ApiKeyViewSet(
    ConditionalRequests,
    SparseAnswers,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[ApiKey],
):
    """API keys: live, expired and revoked ones. A key itself is shown once, when it is made."""

    queryset = ApiKey.objects.select_related("user").prefetch_related("user__groups")
    serializer_class = serializers.ApiKeySerializer
    permission_classes = [ManagesKeys]
    filter_backends = [DeclaredParameters, Search, StableOrdering]
    search_fields = ["name"]
    ordering_fields = ["created_at", "name"]
    ordering = ["-created_at"]

    @extend_schema(
        summary="Make an API key, with a service account of its own",
        request=serializers.IssueKeySerializer,
        responses={201: serializers.IssuedKeySerializer},
    )
    def create(self, request: Request) -> Response:
        """Make a key; what it may do is what both its role and its scopes allow."""
        return self._made(serializers.IssueKeySerializer, request)

    @extend_schema(
        summary="Replace an API key; the one before goes on for a while",
        request=serializers.RotateKeySerializer,
        responses={201: serializers.IssuedKeySerializer},
    )
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: str | None = None) -> Response:
        """Make the next key of the same account, with the same scopes."""
        return self._made(serializers.RotateKeySerializer, request, key=self.get_object())

    @extend_schema(
        summary="Revoke an API key; its tokens are void", request=None, responses={204: None}
    )
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str | None = None) -> Response:
        """Make the key void from the next request on."""
        acting: Any = request.user
        revoke(acting=acting, key=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _made(self, kind: Any, request: Request, **context: Any) -> Response:
        sent = kind(data=request.data, context={"request": request, **context})
        sent.is_valid(raise_exception=True)
        answer = serializers.IssuedKeySerializer(sent.save()).data
        return Response(answer, status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})
