"""What Stripe refuses, in the form in which it says so."""

from typing import Any


class Refused(Exception):
    """An answer other than 200: its status and the fields of Stripe's ``error``."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",  # noqa: A002 - the field's name
        **fields: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": type, "message": message, **fields}}


def no_such(kind: str, id_: str, param: str = "id", status: int = 404) -> Refused:
    name = kind.replace("_", " ")
    return Refused(status, f"No such {name}: '{id_}'", code="resource_missing", param=param)


def declined(**fields: Any) -> Refused:
    return Refused(
        402,
        "Your card was declined.",
        type="card_error",
        code="card_declined",
        decline_code="generic_decline",
        **fields,
    )


def of_status(status: int) -> Refused:
    """What Stripe answers with a status that has nothing to do with what was asked."""
    match status:
        case 401:
            return Refused(401, "Invalid API Key provided.")
        case 402:
            return declined()
        case 429:
            return Refused(429, "Request rate limit exceeded.", code="rate_limit")
        case 400 | 403 | 404 | 409:
            return Refused(status, "The request could not be served.")
    return Refused(status, "An unknown error occurred.", type="api_error")
