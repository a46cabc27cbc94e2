"""Deliver events as Stripe does: signed, more than once, in any order, or not at all."""

import hmac
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection
from random import Random
from typing import Any
from urllib.parse import urlsplit

import orjson

from .api.events import thin as thin_form
from .state import Object


@dataclass(frozen=True)
class Delivery:
    """One attempt: the event's id, and what was answered (status 0: no answer)."""

    event: str
    status: int
    body: bytes = b""
    seconds: float = 0.0


@dataclass
class Run:
    """What became of a list of events."""

    deliveries: list[Delivery] = field(default_factory=list)
    withheld: list[Object] = field(default_factory=list)


def signature(payload: bytes, secret: str, timestamp: int) -> str:
    text = b"%d." % timestamp + payload
    return hmac.new(secret.encode(), text, "sha256").hexdigest()


def signed(
    event: Object,
    secret: str | Sequence[str],
    *,
    timestamp: int | None = None,
    thin: bool = False,
    **fields: Any,
) -> tuple[bytes, dict[str, str]]:
    """Return the body and headers of a delivery.

    Several secrets give several signatures, as while one is being replaced. ``fields`` replace
    the event's: ``livemode=True``, ``account="acct_other"``.
    """
    event = {**event, **fields}
    payload = orjson.dumps(thin_form(event) if thin else event)
    timestamp = int(time.time()) if timestamp is None else timestamp
    secrets = [secret] if isinstance(secret, str) else secret
    signatures = [f"v1={signature(payload, one, timestamp)}" for one in secrets]
    header = ",".join([f"t={timestamp}", *signatures, f"v0={'0' * 64}"])
    headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": header}
    return payload, headers


def deliver(
    url: str,
    event: Object,
    secret: str | Sequence[str],
    *,
    host: str | None = None,
    timeout: float = 20,
    proxied: bool = False,
    **how: Any,
) -> Delivery:
    """Post the event to the url, with that Host header if given; ``proxied``: as if by TLS."""
    payload, headers = signed(event, secret, **how)
    headers["User-Agent"] = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"
    if host:
        headers["Host"] = host
    if proxied:
        headers["X-Forwarded-Proto"] = "https"
    where = urlsplit(url)
    connection = HTTPConnection(where.hostname or "", where.port, timeout=timeout)
    began = time.monotonic()
    try:
        connection.request("POST", where.path, payload, headers)
        answer = connection.getresponse()
        body = answer.read()
        return Delivery(event["id"], answer.status, body, time.monotonic() - began)
    except OSError:
        return Delivery(event["id"], 0, seconds=time.monotonic() - began)
    finally:
        connection.close()


def deliver_all(
    url: str,
    events: Iterable[Object],
    secret: str | Sequence[str],
    *,
    seed: int = 0,
    duplicates: float = 0.0,
    withheld: float = 0.0,
    shuffled: bool = False,
    at_once: int = 1,
    tries: int = 1,
    **how: Any,
) -> Run:
    """Deliver events, some twice and some never; what is not taken is tried again."""
    random = Random(seed)
    run = Run()
    waiting: list[Object] = []
    for event in events:
        if random.random() < withheld:
            run.withheld.append(event)
            continue
        waiting += [event, event] if random.random() < duplicates else [event]
    if shuffled:
        random.shuffle(waiting)
    with ThreadPoolExecutor(at_once) as threads:
        for _ in range(tries):
            answers = list(threads.map(lambda one: deliver(url, one, secret, **how), waiting))
            run.deliveries += answers
            pairs = zip(waiting, answers, strict=True)
            waiting = [one for one, answer in pairs if not 200 <= answer.status < 300]
    return run
