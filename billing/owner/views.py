from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenant_apps.users.roles.views import IsOwner

from . import paying, serializers


class _OwnersView(APIView):
    permission_classes = (IsOwner,)


def _chosen(data: Any, kind: type[serializers.ChoiceSerializer]) -> dict[str, Any]:
    serializer = kind(data=data)
    serializer.is_valid(raise_exception=True)
    chosen: dict[str, Any] = serializer.validated_data
    return chosen


def _told(billing: dict[str, Any]) -> Response:
    return Response(serializers.BillingSerializer(billing).data)


class BillingView(_OwnersView):
    """The portal's plan and how it is paid."""

    @extend_schema(
        operation_id="read_billing",
        summary="Read the plan and how it is paid",
        responses=serializers.BillingSerializer,
    )
    def get(self, request: Request) -> Response:
        """Return the plan, what becomes of it, and the plans on offer."""
        return _told(paying.overview())


class PreviewView(_OwnersView):
    @extend_schema(
        operation_id="preview_plan",
        summary="See what a change of plan would cost",
        parameters=[serializers.ChoiceSerializer],
        responses={200: serializers.PreviewSerializer, 402: None, 409: None},
    )
    def get(self, request: Request) -> Response:
        """Return what would be charged at once; nothing is changed."""
        chosen = _chosen(request.query_params.dict(), serializers.ChoiceSerializer)
        now = timezone.now().replace(microsecond=0)
        cost = paying.preview(chosen["plan"], chosen["interval"], now)
        return Response(serializers.PreviewSerializer(cost).data)


class ChangeView(_OwnersView):
    @extend_schema(
        operation_id="change_plan",
        summary="Change the plan",
        request=serializers.ChangeSerializer,
        responses={200: serializers.BillingSerializer, 402: None, 409: None},
    )
    def post(self, request: Request) -> Response:
        """Change the plan at once, for what a preview said; to the free one at the period's end.

        A change whose payment fails changes nothing (402 `payment_refused`).
        """
        chosen = _chosen(request.data, serializers.ChangeSerializer)
        at = chosen.get("prorated_at") or timezone.now()
        return _told(paying.change(chosen["plan"], chosen["interval"], at))


class CheckoutView(_OwnersView):
    @extend_schema(
        operation_id="open_checkout",
        summary="Begin to pay for a plan",
        request=serializers.ChoiceSerializer,
        responses={200: serializers.LinkSerializer, 402: None, 409: None},
    )
    def post(self, request: Request) -> Response:
        """Return the address of Stripe's page where the plan begins; an earlier one is closed."""
        chosen = _chosen(request.data, serializers.ChoiceSerializer)
        return Response({"url": paying.checkout(chosen["plan"], chosen["interval"])})


class CustomerPortalView(_OwnersView):
    @extend_schema(
        operation_id="open_customer_portal",
        summary="Open the customer portal",
        request=None,
        responses={200: serializers.LinkSerializer, 402: None, 409: None},
    )
    def post(self, request: Request) -> Response:
        """Return the address of Stripe's pages for means of payment and invoices."""
        return Response({"url": paying.customer_portal()})


class CancelView(_OwnersView):
    @extend_schema(
        operation_id="cancel_subscription",
        summary="Let the subscription end with its period",
        request=None,
        responses={200: serializers.BillingSerializer, 402: None, 409: None},
    )
    def post(self, request: Request) -> Response:
        """End it at the end of what is paid; the portal then goes on with the free plan."""
        return _told(paying.set_cancelling(cancels=True))


class ResumeView(_OwnersView):
    @extend_schema(
        operation_id="resume_subscription",
        summary="Let the subscription go on after all",
        request=None,
        responses={200: serializers.BillingSerializer, 402: None, 409: None},
    )
    def post(self, request: Request) -> Response:
        """Take a cancellation back, as long as the period lasts."""
        return _told(paying.set_cancelling(cancels=False))


class InvoicesView(_OwnersView):
    @extend_schema(
        operation_id="list_invoices",
        summary="List the invoices",
        responses={200: serializers.InvoiceListSerializer, 402: None, 409: None},
    )
    def get(self, request: Request) -> Response:
        """Return the newest invoices, newest first: one page."""
        found = serializers.InvoiceSerializer(paying.invoices(), many=True).data
        return Response({"next": None, "previous": None, "results": found})
