"""The one format of errors, for what answers outside the API's own views."""

from django.http import JsonResponse


def error_answer(status: int, code: str, detail: str) -> JsonResponse:
    """Return ``{"type", "errors": [{"code", "detail", "attr"}]}``, as the API's handler does."""
    kind = "server_error" if status >= 500 else "client_error"
    body = {"type": kind, "errors": [{"code": code, "detail": detail, "attr": None}]}
    return JsonResponse(body, status=status)


def out_of_reach() -> JsonResponse:
    """Return the 503 of a request that needs the database while it cannot be reached."""
    answer = error_answer(503, "try_again", "Please try again in a moment.")
    answer["Retry-After"] = "2"
    return answer
