"""The Stripe test server, and what a test does with it."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from threading import Thread
from types import TracebackType
from typing import Any, Self

import stripe

from . import bulk, clock, collecting, webhooks
from .api import checkout, customers
from .faults import Fault, Faults
from .http import Desk, Listener, Request
from .state import Object, State, copied, whole

API_KEY = "sk_test_freehold"
WEBHOOK_SECRET = "whsec_freehold"


class StripeServer:
    """Stripe, in memory, on a port of 127.0.0.1; see the package's docstring."""

    def __init__(
        self, api_key: str = API_KEY, webhook_secret: str = WEBHOOK_SECRET, seed: int = 0
    ) -> None:
        self.api_key, self.webhook_secret = api_key, webhook_secret
        self.state = State(seed)
        self.faults = Faults()
        self.deliveries: list[webhooks.Delivery] = []
        self._clients: list[stripe.HTTPClient] = []
        self._desk = Desk(self.state, self.faults, api_key)

    def __enter__(self) -> Self:
        self._listener = Listener(self._desk)
        self.url = f"http://127.0.0.1:{self._listener.server_port}"
        self._thread = Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for client in self._clients:
            client.close()
        self.faults.heal()
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()
        if self._desk.mistakes:
            raise ExceptionGroup("mistakes of the Stripe test server", self._desk.mistakes)

    def client(self, timeout: float = 80, **options: Any) -> stripe.StripeClient:
        """Return the SDK's client of this server; ``options`` as StripeClient takes them."""
        http = stripe.RequestsClient(timeout=timeout)
        self._clients.append(http)
        addresses: Any = {"api": self.url}
        return stripe.StripeClient(
            self.api_key, base_addresses=addresses, http_client=http, **options
        )

    @property
    def requests(self) -> list[Request]:
        """What came, first to last."""
        return self._desk.requests

    # What customers do, and time.

    def complete_checkout(self, session: str, card: str | None = "pm_card_visa") -> Object:
        """Do what the customer does on the session's page; return the session."""
        with self.state.lock:
            return copied(checkout.complete(self.state, session, card))

    def give_card(self, customer: str, card: str = "pm_card_visa") -> str:
        """Make a card the customer's default; return its id."""
        with self.state.lock:
            settings = {"default_payment_method": card}
            customers.update_customer(self.state, customer, invoice_settings=settings)
            obj = self.state.get("customer", customer)
            return obj["invoice_settings"]["default_payment_method"]

    def let_payments_fail(self, customer: str, fails: bool = True) -> None:
        """Refuse this customer's payments from now on, or no more."""
        with self.state.lock:
            (self.state.failing.add if fails else self.state.failing.discard)(customer)

    def pay(self, invoice: str) -> Object:
        """Pay an invoice as the customer does on its hosted page; return it."""
        with self.state.lock:
            obj = self.state.get("invoice", invoice)
            collecting.pay(self.state, obj, by_customer=True)
            return copied(obj)

    def after_retries(self, status: str) -> None:
        """Choose what a subscription becomes after the last retry: canceled, unpaid, past_due."""
        with self.state.lock:
            self.state.after_retries = status

    @property
    def now(self) -> int:
        """The server's time, in seconds since 1970."""
        return self.state.now

    def advance(self, delta: timedelta) -> None:
        """Let so much time pass, with all that falls due in it."""
        with self.state.lock:
            clock.advance(self.state, self.state.now + whole(delta))

    def populate(
        self, prices: list[str], customers: int, *, rounds: int = 5, days: int = 0, seed: int = 0
    ) -> list[str]:
        """Make customers with subscriptions and much that happens to them within ``days``."""
        with self.state.lock:
            return bulk.populate(self.state, prices, customers, rounds=rounds, days=days, seed=seed)

    # Events.

    def object(self, id_: str) -> Object:
        """Return an object as it is now."""
        with self.state.lock:
            found = self.state.find(id_)
            assert found is not None, id_
            return copied(found)

    def events(self, *types: str) -> list[Object]:
        """Return the events of these types (all, if none is named), oldest first."""
        with self.state.lock:
            events = list(self.state.objects["event"].values())
        return [event for event in events if not types or event["type"] in types]

    def deliver(
        self, url: str, event: Object, *, secret: str | Sequence[str] | None = None, **how: Any
    ) -> webhooks.Delivery:
        """Post one event to a webhook's url; ``how`` is of webhooks.deliver and signed."""
        delivery = webhooks.deliver(url, event, secret or self.webhook_secret, **how)
        self.deliveries.append(delivery)
        return delivery

    def deliver_all(
        self, url: str, events: Iterable[Object] | None = None, **how: Any
    ) -> webhooks.Run:
        """Post events, by default all there are; ``how`` is of webhooks.deliver_all."""
        chosen = self.events() if events is None else events
        run = webhooks.deliver_all(url, chosen, how.pop("secret", self.webhook_secret), **how)
        self.deliveries += run.deliveries
        return run

    # Faults.

    def hang(
        self,
        seconds: float,
        times: int | None = 1,
        *,
        method: str | None = None,
        path: str | None = None,
        after: bool = False,
    ) -> None:
        """Let requests wait; the effect comes after the wait, or (``after``) before it."""
        self.faults.add(Fault("hang", times, method, path, after, seconds=seconds))

    def fail(
        self,
        status: int,
        times: int | None = 1,
        *,
        method: str | None = None,
        path: str | None = None,
        after: bool = False,
    ) -> None:
        """Answer with the status; with ``after``, though the effect took place."""
        self.faults.add(Fault("fail", times, method, path, after, status=status))

    def reset_in_body(
        self,
        times: int | None = 1,
        *,
        method: str | None = None,
        path: str | None = None,
        after: bool = False,
    ) -> None:
        """Reset the connection in the middle of the answer."""
        self.faults.add(Fault("reset", times, method, path, after))

    def answer(
        self,
        body: bytes,
        times: int | None = 1,
        *,
        method: str | None = None,
        path: str | None = None,
    ) -> None:
        """Answer 200 with this body, whatever was asked; nothing takes place."""
        self.faults.add(Fault("answer", times, method, path, after=False, body=body))

    def heal(self) -> None:
        """Take all faults away; who waits goes on."""
        self.faults.heal()
