"""Headers that tell browsers and caches what they may do with an answer."""

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csp import ContentSecurityPolicyMiddleware
from django.utils.cache import patch_vary_headers
from django.utils.csp import CSP

_STRICT: Mapping[str, Any] = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF],
    # Pictures of products lie where their shops keep them.
    "img-src": [CSP.SELF, "data:", "https:"],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}
# Unfold's Alpine evaluates expressions, and both it and Swagger write style attributes.
_STYLED = {**_STRICT, "style-src": [CSP.SELF, CSP.UNSAFE_INLINE]}
_ADMIN = {**_STYLED, "script-src": [CSP.SELF, CSP.NONCE, CSP.UNSAFE_EVAL]}
# A form there leads on to Stripe's pages; a redirect after a form is one of its targets.
_PAYING = {**_ADMIN, "form-action": [CSP.SELF, "https://*.stripe.com"]}

# The policy of everything, and of what begins with a path.
POLICY = _STRICT
POLICIES = {"/admin/": _ADMIN, "/admin/billing/": _PAYING, "/api/docs/": _STYLED}


class ContentSecurity(ContentSecurityPolicyMiddleware):
    """Django's policy header; the admin and the docs page have wider ones of their own."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Add the policy of the path."""
        for prefix, policy in POLICIES.items():
            if request.path.startswith(prefix):
                response._csp_config = policy  # type: ignore[attr-defined]  # as csp_override does
        answer: HttpResponse = super().process_response(request, response)
        return answer


class PrivateAnswers:
    """No cache keeps what was answered to a particular person."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, marked as private where somebody said who they are."""
        response = self.get_response(request)
        patch_vary_headers(response, ["Authorization", "Cookie"])
        known = (
            "Authorization" in request.headers or settings.SESSION_COOKIE_NAME in request.COOKIES
        )
        if (known or request.method not in ("GET", "HEAD")) and "Cache-Control" not in response:
            response["Cache-Control"] = "private, no-store"
        return response
