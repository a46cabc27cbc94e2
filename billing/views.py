from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import generics, permissions, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from shared_apps.plans.models import Plan
from shared_apps.tenants.conditional import ConditionalRequests
from shared_apps.tenants.subdomains import why_not

from . import serializers
from .throttling import SignUpLimit


class SignUpView(generics.GenericAPIView[Any]):
    authentication_classes = ()
    permission_classes = (permissions.AllowAny,)
    throttle_classes = (SignUpLimit,)
    serializer_class = serializers.SignUpSerializer

    @extend_schema(
        operation_id="sign_up",
        summary="Sign a company up",
        responses={201: serializers.SignedUpSerializer, 409: None},
    )
    def post(self, request: Request) -> Response:
        """Make a portal; it works when the answer arrives."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        subdomain = serializer.validated_data["subdomain"]
        answer = serializers.signed_up(serializer.save(), subdomain)
        return Response(answer, status.HTTP_201_CREATED, headers={"Location": answer["url"]})


class SubdomainView(APIView):
    authentication_classes = ()
    permission_classes = (permissions.AllowAny,)

    @extend_schema(
        operation_id="check_subdomain",
        summary="Ask whether a subdomain is free",
        parameters=[serializers.SubdomainQuerySerializer],
        responses=serializers.SubdomainSerializer,
    )
    def get(self, request: Request) -> Response:
        """Tell whether a name could be taken now; the sign-up itself decides."""
        asked = serializers.SubdomainQuerySerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        name = asked.validated_data["subdomain"]
        reason = why_not(name)
        return Response({"subdomain": name, "available": not reason, "reason": reason})


class PlansView(ConditionalRequests, APIView):
    authentication_classes = ()
    permission_classes = (permissions.AllowAny,)

    @extend_schema(
        operation_id="list_plans",
        summary="List the plans on offer",
        responses=serializers.PlanListSerializer,
    )
    def get(self, request: Request) -> Response:
        """Return the plans in the order of the page: one page, they are few."""
        plans = serializers.PlanSerializer(Plan.objects.on_offer(), many=True).data
        return Response({"next": None, "previous": None, "results": plans})
