"""``POST /api/stripe/webhook/``: keep what Stripe tells, and say so."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from shared_apps.tenants.errors import error_answer

from . import inbox
from . import stripe_gateway as stripe


@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """Answer 200 when the event is kept, or was before; 400 to what Stripe did not sign.

    Snapshot and thin events alike. What it means is found out afterwards, by a task.
    """
    if not settings.STRIPE_WEBHOOK_SECRETS:
        return error_answer(request, 404, "not_found", _("Not found."))
    signature = request.headers.get("Stripe-Signature", "")
    try:
        event = stripe.verified(request.body, signature, settings.STRIPE_WEBHOOK_SECRETS)
        inbox.keep(event)
    except stripe.BadSignature:
        return error_answer(request, 400, "bad_signature", _("This was not signed by Stripe."))
    except ValueError:
        return error_answer(request, 400, "bad_request", _("The request cannot be understood."))
    return JsonResponse({"received": True})
