"""Rules of taking payments."""

from django.conf import settings

from .rule import rule


@rule(
    "E040",
    "No secret key of Stripe's: {}.",
    "Set STRIPE_SECRET_KEY to the secret (sk_...) or a restricted key (rk_...), or leave it empty.",
)
def _publishable_key() -> list[str]:
    kind = settings.STRIPE_SECRET_KEY.partition("_")[0]
    return [] if kind in ("", "sk", "rk") else [f"STRIPE_SECRET_KEY begins with {kind[:2]}"]


@rule(
    "E041",
    "Stripe's events are refused: {}.",
    "Set STRIPE_WEBHOOK_SECRET to what the endpoint at Stripe shows (whsec_...).",
    deploy=True,
)
def _unsigned_events() -> list[str]:
    is_deaf = settings.STRIPE_SECRET_KEY and not settings.STRIPE_WEBHOOK_SECRETS
    return ["there is a key, and no secret for webhooks"] if is_deaf else []


@rule(
    "W040",
    "Payments go to another server than Stripe's: {}.",
    "Leave STRIPE_API_URL empty; it is for tests.",
    deploy=True,
)
def _another_server() -> list[str]:
    return [settings.STRIPE_API_URL] if settings.STRIPE_API_URL else []
