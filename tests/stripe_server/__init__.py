"""Stripe for tests, over real HTTP: the SDK talks to it as to Stripe, unpatched.

    with StripeServer() as stripe:
        client = stripe.client()              # StripeClient of stripe.api_key and stripe.url
        session = client.v1.checkout.sessions.create({...})
        stripe.complete_checkout(session.id)  # what the customer does there
        stripe.advance(timedelta(days=14))    # what time does
        stripe.deliver_all(url, host="portal.example", shuffled=True, duplicates=0.3, seed=7)

What is sent: ``requests`` (method, path, params, headers, idempotency_key, status, replayed).

What customers do: ``complete_checkout(session, card)``, ``give_card(customer, card)``,
``let_payments_fail(customer, fails)``, ``pay(invoice)``. Cards are Stripe's test names
(``pm_card_visa``; ``pm_card_chargeCustomerFail`` fails when charged).

Many: ``populate(prices, customers, rounds, days, seed)`` makes customers with histories.

Time: ``advance(timedelta)`` moves the server's own time (``now``), which ticks, starts at the
test's present and is not moved by a test that travels. What falls due happens in ``advance``
alone: trial_will_end three days before, the trial's end, renewals, retries after 3, 5 and 7 days,
then what ``after_retries("canceled" | "unpaid" | "past_due")`` chose. As at Stripe, a renewal's
invoice is a draft for an hour, then finalised and paid: advance an hour more to see it paid.

Events: ``events(*types)`` oldest first, ``object(id)`` as it is now. ``deliver(url, event, ...)``
takes ``host``, ``proxied``, ``timestamp``, ``secret`` (several: a rolled one), ``livemode``,
``account``, ``thin``; ``deliver_all(url, events, ...)`` also ``seed``, ``duplicates``,
``withheld``, ``shuffled``, ``at_once``, ``tries``. ``deliveries`` keeps what was answered.
``signed(event, secret, ...)`` gives body and headers for a test's own client.

Faults: ``hang(seconds)``, ``fail(status)``, ``reset_in_body()``, ``answer(body)``, each with
``times`` (None: until ``heal()``), ``method`` and ``path`` (a regular expression); but for the
last, ``after=True`` for an effect that took place though its answer was lost.

A parameter that Stripe does not have is refused as Stripe does; one that Stripe has and this
server does not heed is a 501. A mistake of the server's own is raised when it is left.
"""

from .server import API_KEY, WEBHOOK_SECRET, StripeServer
from .webhooks import Delivery, Run, signed

__all__ = ["API_KEY", "WEBHOOK_SECRET", "Delivery", "Run", "StripeServer", "signed"]
