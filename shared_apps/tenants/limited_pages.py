"""The general limit, for pages that make the database work."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from .errors import error_answer
from .limits import TooOften
from .use_limits import count_use


def limited(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Count each request of ``view`` by person, or address, as the API counts its own."""

    @wraps(view)
    def page(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        user = getattr(request, "user", None)
        try:
            count_use(request, "account", str(user.pk) if user and user.is_authenticated else "")
        except TooOften as error:
            answer = error_answer(request, 429, "too_many_attempts", str(error))
            answer["Retry-After"] = str(error.seconds)
            return answer
        return view(request, **kwargs)

    return page
