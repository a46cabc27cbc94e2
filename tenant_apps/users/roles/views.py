from typing import Any
from uuid import UUID

import django_filters
from django.db.models import Count, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, permissions, status, viewsets
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from shared_apps.tenants.conditional import ConditionalRequests
from shared_apps.tenants.filters import DeclaredFilters, TrueOrFalseFilter
from shared_apps.tenants.lists import DeclaredParameters, Search, StableOrdering
from shared_apps.tenants.sparse import SparseAnswers
from tenant_apps.integrations.idempotency import TakesIdempotencyKey

from ..built_in_roles import GRANTABLE
from ..models import Role, User
from ..throttling import OwnPasswordLimit
from . import matrix, serializers
from .explaining import explain
from .giving import delete_role, held_by, lock_memberships
from .objects import GRANT_KINDS, grants_on
from .ownership import is_owner


class ByModelPermission(permissions.DjangoModelPermissions):
    """Each method needs the model's permission, reading too."""

    perms_map = {
        **permissions.DjangoModelPermissions.perms_map,
        "GET": ["%(app_label)s.view_%(model_name)s"],
        "HEAD": ["%(app_label)s.view_%(model_name)s"],
    }


class ManagesPeople(permissions.IsAuthenticated):
    """May change who is in which role."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask the role."""
        return bool(request.user.is_authenticated and request.user.has_perm("users.change_user"))


class IsOwner(permissions.IsAuthenticated):
    """Has the owner's role; no other role can stand in for it."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Look for it."""
        return is_owner(request.user)


class SeesRoles(permissions.IsAuthenticated):
    """May look at roles and ask why."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask the role."""
        return bool(request.user.is_authenticated and request.user.has_perm("users.view_role"))


class SeesOrManagesMembers(SeesRoles):
    """May look at a role's members; to change them takes managing people, too."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask the role."""
        may = request.method in permissions.SAFE_METHODS or request.user.has_perm(
            "users.change_user"
        )
        return bool(super().has_permission(request, view) and may)


@extend_schema_view(
    list=extend_schema(summary="List roles, the highest first"),
    retrieve=extend_schema(summary="Read a role"),
    create=extend_schema(summary="Make a role of the portal's own"),
    partial_update=extend_schema(summary="Change a role of the portal's own"),
    destroy=extend_schema(summary="Delete a role of the portal's own; its members lose it"),
)
class RoleViewSet(
    TakesIdempotencyKey, ConditionalRequests, SparseAnswers, viewsets.ModelViewSet[Role]
):
    """Roles. The built-in ones are the same in every portal and cannot be changed."""

    queryset = Role.objects.all()
    serializer_class = serializers.RoleSerializer
    permission_classes = [ByModelPermission]
    filter_backends = [DeclaredParameters, Search, StableOrdering]
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    lookup_field = "uuid"
    lookup_url_kwarg = "id"
    search_fields = ["name", "description"]
    ordering_fields = ["rank", "name"]
    ordering = ["-rank", "name"]

    def get_queryset(self) -> QuerySet[Role]:
        """Return the roles with the number of their members."""
        roles: Any = super().get_queryset()
        if self.shows("permissions"):
            roles = roles.prefetch_related("permissions__content_type")
        if self.shows("members_count"):
            roles = roles.annotate(members_count=Count("user", distinct=True))
        return roles  # type: ignore[no-any-return]

    def perform_create(self, serializer: Any) -> None:
        """Make it, and count its members: none."""
        serializer.save().members_count = 0

    def perform_update(self, serializer: Any) -> None:
        """Change it, and answer with the number of its members."""
        serializer.instance = self.get_queryset().get(pk=serializer.save().pk)

    def perform_destroy(self, instance: Role) -> None:
        """Delete it, if the caller may."""
        delete_role(acting=self.request.user, role=instance)  # type: ignore[arg-type]  # signed in

    @extend_schema(
        summary="Copy a role",
        request=serializers.CopyRoleSerializer,
        responses={201: serializers.RoleSerializer},
    )
    @action(detail=True, methods=["post"])
    def copy(self, request: Request, id: str | None = None) -> Response:  # noqa: A002  # the path's
        """Make a role like this one, below the caller's rank."""
        context = {"request": request, "role": self.get_object()}
        sent = serializers.CopyRoleSerializer(data=request.data, context=context)
        sent.is_valid(raise_exception=True)
        copied = self.get_queryset().get(pk=sent.save().pk)
        return Response(self.get_serializer(copied).data, status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="list_members",
        summary="List a role's members",
        responses=serializers.PersonSerializer(many=True),
    )
    @action(detail=True, permission_classes=[SeesOrManagesMembers], filter_backends=[])
    def members(self, request: Request, id: str | None = None) -> Response:  # noqa: A002  # the path's
        """Return the people in this role, in pages."""
        people: Any = User.objects.filter(groups=self.get_object()).prefetch_related("groups")
        page = self.paginate_queryset(people.order_by("id"))
        return self.get_paginated_response(serializers.PersonSerializer(page, many=True).data)

    @extend_schema(
        operation_id="change_members",
        summary="Add and remove members",
        request=serializers.MembersSerializer,
        responses={204: None},
    )
    @members.mapping.patch
    def change_members(self, request: Request, id: str | None = None) -> Response:  # noqa: A002  # the path's
        """Give this role to people and take it from others, all or none."""
        context = {"request": request, "role": self.get_object()}
        sent = serializers.MembersSerializer(data=request.data, context=context)
        sent.is_valid(raise_exception=True)
        sent.save()
        return Response(status=status.HTTP_204_NO_CONTENT)


class PersonFilter(django_filters.FilterSet):
    """The declared filters of the list of people."""

    is_active = TrueOrFalseFilter("is_active")


@extend_schema_view(
    list=extend_schema(summary="List people"),
    retrieve=extend_schema(summary="Read a person"),
    partial_update=extend_schema(summary="Change a person's name, or let them in no more"),
)
class PersonViewSet(
    ConditionalRequests,
    SparseAnswers,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[User],
):
    """The people of this portal."""

    queryset = User.objects.all()
    serializer_class = serializers.PersonSerializer
    permission_classes = [ByModelPermission]
    filter_backends = [DeclaredParameters, DeclaredFilters, Search, StableOrdering]
    filterset_class = PersonFilter
    search_fields = ["email", "name"]
    ordering_fields = ["email", "created_at"]
    ordering = ["email"]

    def lock(self, found: User) -> None:
        """Lock memberships before the person, as every change of access does."""
        lock_memberships(self.request.user, found)  # type: ignore[arg-type]  # signed in
        super().lock(found)

    def get_queryset(self) -> QuerySet[User]:
        """Return the people with their roles."""
        people = super().get_queryset()
        return people.prefetch_related("groups") if self.shows("roles") else people

    def partial_update(self, request: Request, pk: str | None = None) -> Response:
        """Write what was sent, and nothing else."""
        person = self.get_object()
        sent = self.get_serializer(person, data=request.data, partial=True)
        sent.is_valid(raise_exception=True)
        sent.save()
        return Response(sent.data)

    @extend_schema(
        operation_id="set_roles",
        summary="Set a person's roles",
        request=serializers.PersonRolesSerializer,
        responses=serializers.PersonSerializer,
    )
    @action(detail=True, methods=["put"])
    def roles(self, request: Request, pk: str | None = None) -> Response:
        """Give the person exactly these roles; if that is a change, their logins end."""
        person = self.get_object()
        context = {"request": request, "user": person}
        sent = serializers.PersonRolesSerializer(data=request.data, context=context)
        sent.is_valid(raise_exception=True)
        sent.save()
        return Response(self.get_serializer(self.get_queryset().get(pk=person.pk)).data)

    @extend_schema(
        operation_id="explain_permission",
        summary="Why may a person do something, or not?",
        parameters=[
            OpenApiParameter("permission", enum=sorted(GRANTABLE), required=True),
            OpenApiParameter("kind", enum=sorted(GRANT_KINDS), description="Of the object."),
            OpenApiParameter("object", OpenApiTypes.UUID, description="One object; else all."),
        ],
        responses=serializers.ExplanationSerializer,
    )
    @action(detail=True, permission_classes=[SeesRoles], filter_backends=[], pagination_class=None)
    def why(self, request: Request, pk: str | None = None) -> Response:
        """Return the roles and grants that allow it, or what is missing."""
        person = self.get_object()
        asked = serializers.QuestionSerializer(
            data=request.query_params.dict(), context={"request": request}
        )
        asked.is_valid(raise_exception=True)
        answer = explain(user=person, **asked.validated_data)
        return Response(serializers.ExplanationSerializer(answer).data)


class MakeOwnerView(TakesIdempotencyKey, APIView):
    permission_classes = [IsOwner]
    throttle_classes = [OwnPasswordLimit]

    @extend_schema(
        operation_id="make_owner",
        summary="Hand the portal over",
        request=serializers.MakeOwnerSerializer,
        responses={204: None},
    )
    def post(self, request: Request, id: UUID) -> Response:  # noqa: A002  # the path's
        """Make somebody else the owner; the caller becomes admin, and logins of both end."""
        person = get_object_or_404(User.objects.all(), pk=id)
        context = {"request": request, "user": person}
        sent = serializers.MakeOwnerSerializer(data=request.data, context=context)
        sent.is_valid(raise_exception=True)
        sent.save()
        return Response(status=status.HTTP_204_NO_CONTENT)


class PermissionsView(ConditionalRequests, APIView):
    """What roles may hold."""

    permission_classes = [SeesRoles]

    @extend_schema(
        operation_id="list_permissions",
        summary="List what a role may hold",
        responses=serializers.PermissionSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Return the list, and of each whether the caller may give it."""
        mine = held_by(request.user)  # type: ignore[arg-type]  # signed in
        cells = [
            {"code": cell.code, "title": cell.label, "may_give": cell.code in mine}
            for cell in matrix.CELLS.values()
        ]
        return Response(serializers.PermissionSerializer(cells, many=True).data)


class GrantsView(TakesIdempotencyKey, ConditionalRequests, APIView):
    """Grants on single objects."""

    permission_classes = [ManagesPeople]

    @extend_schema(
        operation_id="list_grants",
        summary="List what is granted on an object",
        parameters=[
            OpenApiParameter("kind", enum=sorted(GRANT_KINDS), required=True),
            OpenApiParameter("object", OpenApiTypes.UUID, required=True),
        ],
        responses={200: serializers.GrantSerializer(many=True), 404: None},
    )
    def get(self, request: Request) -> Response:
        """Return who has what on the object."""
        asked = serializers.ObjectSerializer(
            data=request.query_params.dict(), context={"request": request}
        )
        asked.is_valid(raise_exception=True)
        grants = grants_on(asked.validated_data["obj"])
        return Response(serializers.GrantSerializer(grants, many=True).data)

    @extend_schema(
        operation_id="give_grants",
        summary="Grant on objects, or take grants back",
        request=serializers.GiveGrantsSerializer,
        responses={204: None, 404: None},
    )
    def post(self, request: Request) -> Response:
        """Give (with ``withdraw``, take) each deed on each object to each receiver; all or none."""
        sent = serializers.GiveGrantsSerializer(data=request.data, context={"request": request})
        sent.is_valid(raise_exception=True)
        sent.save()
        return Response(status=status.HTTP_204_NO_CONTENT)
