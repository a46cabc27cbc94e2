"""``Idempotency-Key``: a POST sent again has one effect and its first answer, for 24 hours.

After draft-ietf-httpapi-idempotency-key-header: whatever the first request came to is answered
again, "success or an error", so what a view refused (an empty stock) is kept, too: who wants
another try takes another key. Not kept is what says nothing about the request: our own faults,
"come back later" (429) and "who are you" (401).

Effect and answer are one commit. The lock comes before the look at the row: a second request
would wait on an uncommitted row until the first ends, and is told so at once instead.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.tenants.failpoints import failpoint
from shared_apps.tenants.scope import active_tenant

from .models import KEPT, KeptAnswer

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
FORM = r"[\x21-\x7e]{1,255}"


class InFlight(Exception):
    """The first request with this key is still being answered."""


class KeyReused(ValueError):
    """The key stands for another request."""


class TakesIdempotencyKey:
    """View mixin: a POST takes the header; without it, it is answered as ever."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let DRF decide who may ask; have the handler run at most once a key."""
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        handler = getattr(self, "post", None)
        if request.method == "POST" and handler and HEADER in request.headers:
            vars(self)["post"] = partial(_once, self, handler)


def sweep() -> None:
    """Forget the active tenant's answers whose keys have expired."""
    KeptAnswer.objects.filter(created_at__lte=timezone.now() - KEPT).delete()


def _once(view: Any, handler: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
    """Answer with ``handler``, or as it did to the first request with this key.

    Raises:
        ValidationError: the key has not the form of one.
        InFlight, KeyReused: as their texts say.

    """
    key = request.headers[HEADER]
    if not re.fullmatch(FORM, key):
        raise ValidationError({HEADER: [_("This must be 1 to 255 visible ASCII characters.")]})
    digest = _digest(request)
    with transaction.atomic():
        _lock(request.user.pk, key)
        kept = KeptAnswer.objects.filter(user=request.user.pk, key=key).first()
        if kept and not kept.is_expired:
            return _again(kept, digest)
        answer = _answer(view, handler, request, *args, **kwargs)
        if answer.status_code < 500 and answer.status_code not in (401, 429):
            if kept:
                kept.delete()
            _keep(request.user.pk, key, digest, answer)
        failpoint("idempotency.before_commit")
    failpoint("idempotency.before_answer")
    return answer


def _answer(view: Any, handler: Any, *args: Any, **kwargs: Any) -> Response:
    try:
        with transaction.atomic():
            answer: Response = handler(*args, **kwargs)
    except Exception as error:
        answer = view.handle_exception(error)
    return answer


def _lock(user: Any, key: str) -> None:
    """Hold the key until the end of the transaction; the lock's name is the whole database's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"idempotency {active_tenant().id} {user} {key}"],
        )
        if not cursor.fetchone()[0]:
            raise InFlight(_("The first request with this key is still being answered."))


def _keep(user: Any, key: str, digest: str, answer: Response) -> None:
    KeptAnswer.objects.create(
        user_id=user,
        key=key,
        digest=digest,
        status=answer.status_code,
        body=JSONRenderer().render(answer.data).decode(),
        location=answer.get("Location", ""),
    )


def _again(kept: KeptAnswer, digest: str) -> Response:
    if kept.digest != digest:
        raise KeyReused(_("This key was sent with another request."))
    headers = {REPLAYED: "true"} | ({"Location": kept.location} if kept.location else {})
    return Response(json.loads(kept.body) if kept.body else None, kept.status, headers=headers)


def _digest(request: Request) -> str:
    """Return what tells two requests apart; keyed, for there may be a password in the body."""
    parts = [(request.method or "").encode(), request.get_full_path().encode(), *_body(request)]
    digests = "".join(hashlib.sha256(part).hexdigest() for part in parts)
    return salted_hmac("idempotency", digests, algorithm="sha256").hexdigest()


def _body(request: Request) -> Iterator[bytes]:
    """Yield the body's parts: of a form, whose boundary is another each time, what it holds."""
    if not (request.content_type or "").startswith("multipart/"):
        yield request.body
        return
    form: Any = request.data
    for name, values in sorted(form.lists()):
        for value in values:
            yield name.encode()
            if isinstance(value, str):
                yield value.encode()
            else:
                yield from (value.name.encode(), value.read())
                value.seek(0)
