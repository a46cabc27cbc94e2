"""Conditional requests (RFC 9110, section 13): what is known is not sent again, nor overwritten.

The validator is made of the answer itself, so there is no version to forget to raise: what the
caller would see is what counts. Counters that every reader moves (``uncounted``) do not.
"""

import hashlib
from functools import partial
from typing import Any

from django.db import transaction
from django.utils.http import parse_etags
from django.utils.translation import gettext_lazy as _
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from .rendering import JSONRenderer
from .sparse import FIELDS

READS = frozenset({"GET", "HEAD"})
_CHANGES = frozenset({"update", "partial_update", "destroy"})
_METHODS = frozenset({"PUT", "PATCH", "DELETE"})


class PreconditionFailed(APIException):
    """The resource is not what the caller read."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_code = "precondition_failed"
    default_detail = _("This was changed since you read it.")


class ConditionalRequests:
    """View mixin: reads carry an ``ETag`` and take ``If-None-Match``, changes take ``If-Match``.

    The tag of one object is strong, that of a list weak. A change answers with the next one.
    """

    # Fields that change by being looked at: a 304 may hide their last steps.
    uncounted: frozenset[str] = frozenset()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let DRF decide who may ask; have a change first look at what it would change."""
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        if "If-Match" in request.headers and guards(self, request.method):
            name = (request.method or "").lower()
            vars(self)[name] = partial(_if_match, self, getattr(self, name))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Tag what is answered; if the caller has it already, say only that."""
        is_read = request.method in READS
        is_shown = isinstance(response, Response) and response.status_code == status.HTTP_200_OK
        if is_shown and (is_read or guards(self, request.method)):
            tag = self.tag(response.data)
            if is_read and knows(request.headers.get("If-None-Match", ""), tag):
                response = Response(status=status.HTTP_304_NOT_MODIFIED)
            response["ETag"] = tag
        return super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]

    def lock(self, found: Any) -> None:
        """Lock the row that is about to be changed.

        A view whose changes lock something else before it locks that first, too.
        """
        # By the model's plain manager: what is annotated or joined cannot be locked. Not its key:
        # what refers to the row may do so meanwhile.
        same = type(found)._base_manager.filter(pk=found.pk)
        list(same.select_for_update(no_key=True).values_list("pk"))

    def tag(self, data: Any) -> str:
        """Return the entity tag of an answer."""
        is_object = isinstance(data, dict) and "results" not in data
        rows = [data] if is_object else data["results"] if isinstance(data, dict) else data
        around = data | {"results": None} if not is_object and isinstance(data, dict) else {}
        # Whoever asks for a counter by its name wants to see it move.
        is_sparse = FIELDS in self.request.query_params  # type: ignore[attr-defined]  # the view's
        uncounted = frozenset() if is_sparse else self.uncounted
        counted = [{k: v for k, v in row.items() if k not in uncounted} for row in rows]
        content = JSONRenderer().render([counted, around])
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        return tag if is_object else f"W/{tag}"


def guards(view: Any, method: str | None) -> bool:
    """Tell whether a request to ``view`` changes the very resource that it reads."""
    is_change = method in _METHODS and getattr(view, "action", "update") in _CHANGES
    return is_change and hasattr(view, "retrieve")


def knows(if_none_match: str, tag: str) -> bool:
    """Tell whether the caller who sent this header has the answer of ``tag`` already."""
    known = [each.removeprefix("W/") for each in parse_etags(if_none_match)]
    return "*" in known or tag.removeprefix("W/") in known


def _if_match(view: Any, handler: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
    """Answer with ``handler`` if the resource is still what the caller read.

    Its row is locked first: of two who read the same, the second sees what the first made of it.

    Raises:
        PreconditionFailed: it is not.

    """
    with transaction.atomic():
        view.lock(view.get_object())
        now = view.tag(view.get_serializer(view.get_object()).data)
        if not {"*", now} & set(parse_etags(request.headers["If-Match"])):
            raise PreconditionFailed
        answer: Response = handler(request, *args, **kwargs)
        return answer
