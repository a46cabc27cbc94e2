from drf_spectacular.utils import extend_schema
from rest_framework import permissions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from .figures import this_period
from .serializers import PeriodSerializer, UsageSerializer, usage_of


class ManagesPortal(permissions.IsAuthenticated):
    """Whoever may change the portal's settings."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask for that permission."""
        is_known = super().has_permission(request, view)
        return is_known and bool(request.user.has_perm("users.change_portalsettings"))


class UsageView(APIView):
    """What the portal used in a month, against the limits of its plan."""

    permission_classes = [ManagesPortal]

    @extend_schema(
        operation_id="read_usage",
        summary="Read what the portal used in a month",
        parameters=[PeriodSerializer],
        responses=UsageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Return all measures of this month, or the requests and orders of an earlier one."""
        asked = PeriodSerializer(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        return Response(usage_of(asked.validated_data.get("period", this_period())))
