"""``/.well-known/jwks.json``: the portal's public keys (RFC 7517, RFC 8037), for anyone."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from jwt.algorithms import OKPAlgorithm

from shared_apps.tenants.scope import active_tenant

from .tokens import key_id, signing_key

# For so long a verifier may not know a new key, in seconds.
MAX_AGE = 300


def public_keys(tenant_id: UUID) -> list[dict[str, Any]]:
    """Return a JWK for every master key that is configured, the one that signs first."""
    return [
        {
            **OKPAlgorithm.to_jwk(signing_key(tenant_id, number).public_key(), as_dict=True),
            "kid": key_id(tenant_id, number),
            "alg": "EdDSA",
            "use": "sig",
        }
        for number in sorted(settings.JWT_MASTER_KEYS, reverse=True)
    ]


@require_safe
@cache_control(public=True, max_age=MAX_AGE)
def jwks(request: HttpRequest) -> HttpResponse:
    """Answer the set of keys."""
    return JsonResponse({"keys": public_keys(active_tenant().id)})
