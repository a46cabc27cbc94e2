"""The one place that turns what happened into an HTTP status and an error body."""

from django.db import IntegrityError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework import exceptions, status
from rest_framework.exceptions import APIException
from rest_framework.response import Response

from billing.owner.paying import (
    CheckoutNeeded,
    NotSubscribed,
    PaymentNeeded,
    SubscribedAlready,
)
from billing.signing_up import SubdomainTaken
from billing.stripe_gateway import NotConfigured, StripeOdd, StripeRefused, StripeUnavailable
from shared_apps.tenants.errors import error_answer
from shared_apps.tenants.limits import LimitsUnavailable, TooOften
from shared_apps.tenants.plan_limits import FeatureMissing, LimitReached
from shared_apps.tenants.provisioning.pool import PoolEmpty
from tenant_apps.integrations.idempotency import InFlight, KeyReused
from tenant_apps.orders.models import IllegalTransition
from tenant_apps.orders.placing import OutOfStock, ProductGone
from tenant_apps.products.catalogue_import import FileTooLarge
from tenant_apps.products.shopify import NotACatalogue
from tenant_apps.users.api_keys.issuing import KeyClosed
from tenant_apps.users.invitations.inviting import (
    AlreadyInvited,
    AlreadyThere,
    InvitationClosed,
)
from tenant_apps.users.links import LinkInvalid
from tenant_apps.users.passwords.changing import ChangedMeanwhile
from tenant_apps.users.roles.giving import BeyondReach, LastOwner

# What a domain error is to the outside: status and stable code; its text is for people.
STATUSES: dict[type[Exception], tuple[int, str]] = {
    SubdomainTaken: (status.HTTP_409_CONFLICT, "subdomain_taken"),
    TooOften: (status.HTTP_429_TOO_MANY_REQUESTS, "too_many_attempts"),
    LimitsUnavailable: (status.HTTP_503_SERVICE_UNAVAILABLE, "try_again"),
    LimitReached: (status.HTTP_402_PAYMENT_REQUIRED, "limit_reached"),
    FeatureMissing: (status.HTTP_402_PAYMENT_REQUIRED, "feature_not_in_plan"),
    PoolEmpty: (status.HTTP_503_SERVICE_UNAVAILABLE, "try_again"),
    InFlight: (status.HTTP_409_CONFLICT, "in_flight"),
    KeyReused: (status.HTTP_422_UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
    IllegalTransition: (status.HTTP_409_CONFLICT, "illegal_transition"),
    OutOfStock: (status.HTTP_409_CONFLICT, "out_of_stock"),
    ProductGone: (status.HTTP_409_CONFLICT, "product_not_on_sale"),
    BeyondReach: (status.HTTP_403_FORBIDDEN, "beyond_reach"),
    LastOwner: (status.HTTP_409_CONFLICT, "last_owner"),
    AlreadyThere: (status.HTTP_409_CONFLICT, "already_there"),
    AlreadyInvited: (status.HTTP_409_CONFLICT, "already_invited"),
    InvitationClosed: (status.HTTP_409_CONFLICT, "invitation_closed"),
    ChangedMeanwhile: (status.HTTP_409_CONFLICT, "conflict"),
    KeyClosed: (status.HTTP_409_CONFLICT, "key_closed"),
    LinkInvalid: (status.HTTP_404_NOT_FOUND, "link_invalid"),
    NotACatalogue: (status.HTTP_400_BAD_REQUEST, "not_a_catalogue"),
    CheckoutNeeded: (status.HTTP_409_CONFLICT, "checkout_needed"),
    NotSubscribed: (status.HTTP_409_CONFLICT, "not_subscribed"),
    PaymentNeeded: (status.HTTP_409_CONFLICT, "payment_needed"),
    SubscribedAlready: (status.HTTP_409_CONFLICT, "subscribed_already"),
    NotConfigured: (status.HTTP_409_CONFLICT, "billing_not_configured"),
    StripeRefused: (status.HTTP_402_PAYMENT_REQUIRED, "payment_refused"),
    StripeOdd: (status.HTTP_503_SERVICE_UNAVAILABLE, "try_again"),
    StripeUnavailable: (status.HTTP_503_SERVICE_UNAVAILABLE, "try_again"),
    FileTooLarge: (status.HTTP_413_REQUEST_ENTITY_TOO_LARGE, "file_too_large"),
}


class Conflict(APIException):
    """What was to be written contradicts what is there by now."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"
    default_detail = _("This contradicts what is there by now.")


class Unavailable(APIException):
    """The database is out of reach, or out of free connections."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "try_again"
    default_detail = _("Please try again in a moment.")
    wait = 2  # becomes Retry-After


class Handler(ExceptionHandler):
    """Our domain's errors beside DRF's own."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        """Return an API exception for an error of the domain."""
        if type(exc) in STATUSES:
            http_status, code = STATUSES[type(exc)]
            converted = APIException(str(exc) or _("Please try again in a moment."), code)
            converted.status_code = http_status
            if http_status == status.HTTP_503_SERVICE_UNAVAILABLE or isinstance(exc, InFlight):
                converted.wait = 2  # type: ignore[attr-defined]  # becomes Retry-After
            if isinstance(exc, TooOften):
                converted.wait = exc.seconds  # type: ignore[attr-defined]  # as above
            return converted
        if isinstance(exc, IntegrityError):
            # Two were faster than the check before; who lost may look and try again.
            return Conflict()
        if isinstance(exc, OperationalError):
            return Unavailable()
        return super().convert_known_exceptions(exc)

    def report_exception(self, exc: APIException, response: Response) -> None:
        """Report our own faults, and not that we asked somebody to come back in a moment."""
        if exc.status_code != status.HTTP_503_SERVICE_UNAVAILABLE:
            super().report_exception(exc, response)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django itself refused."""
    return error_answer(request, 400, "bad_request", gettext("The request cannot be understood."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a refusal outside the API's views."""
    return error_answer(request, 403, "permission_denied", gettext("This is not allowed."))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose page is from before somebody signed in, here or in another tab."""
    why = gettext("This page was open for too long. Please go back, reload it and try again.")
    return error_answer(request, 403, "csrf_failed", why)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an unknown path."""
    return error_answer(request, 404, exceptions.NotFound.default_code, gettext("Not found."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer our own fault, and nothing about it."""
    return error_answer(request, 500, "error", gettext("Something went wrong on our side."))
