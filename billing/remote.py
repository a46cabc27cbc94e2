"""What is read of Stripe's subscriptions and invoices, and of what a change would cost."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

# How many decimals an amount has at Stripe, where it is not two; docs.stripe.com/currencies.
_PLACES = dict.fromkeys(
    (
        *("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA"),
        *("PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"),
    ),
    0,
) | dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 3)


@dataclass(frozen=True, slots=True)
class RemoteSubscription:
    """A subscription at Stripe. ``item`` is its only line, ``reason`` why it was cancelled."""

    id: str
    customer: str
    status: str
    item: str
    price: str
    created: datetime
    trial_ends_at: datetime | None
    period_ends_at: datetime | None
    cancels_at_period_end: bool
    reason: str

    @classmethod
    def of(cls, found: dict[str, Any]) -> "RemoteSubscription":
        """Return what we read of Stripe's object."""
        [item, *_others] = found["items"]["data"]
        return cls(
            id=found["id"],
            customer=found["customer"],
            status=found["status"],
            item=item["id"],
            price=item["price"]["id"],
            created=_moment(found["created"]),
            trial_ends_at=_moment_or_none(found["trial_end"]),
            period_ends_at=_moment_or_none(item["current_period_end"]),
            cancels_at_period_end=found["cancel_at_period_end"],
            reason=(found.get("cancellation_details") or {}).get("reason") or "",
        )


@dataclass(frozen=True, slots=True)
class RemoteInvoice:
    """An invoice at Stripe: ``total`` in ``currency``, ``url`` its page, ``pdf`` the file.

    ``status`` is draft, open, paid, uncollectible or void; a draft has neither number nor page.
    """

    id: str
    number: str
    status: str
    total: Decimal
    currency: str
    created_at: datetime
    url: str
    pdf: str

    @classmethod
    def of(cls, found: dict[str, Any]) -> "RemoteInvoice":
        """Return what we read of Stripe's object."""
        return cls(
            id=found["id"],
            number=found["number"] or "",
            status=found["status"] or "",
            total=amount(found["total"], found["currency"]),
            currency=found["currency"].upper(),
            created_at=_moment(found["created"]),
            url=found["hosted_invoice_url"] or "",
            pdf=found["invoice_pdf"] or "",
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """What a change comes to: ``due`` at once, in ``currency``, and the lines that make it up."""

    due: Decimal
    currency: str
    lines: list[tuple[str, Decimal]]

    @property
    def credit(self) -> Decimal:
        """What is kept for the next invoices, if more is given back than charged."""
        return max(Decimal(0), -sum((amount for _text, amount in self.lines), Decimal(0)))


def amount(units: int, currency: str) -> Decimal:
    """Return an amount of Stripe's, which counts in a currency's smallest units."""
    return Decimal(units).scaleb(-_places(currency))


def units(amount: Decimal, currency: str) -> int:
    """Return an amount as Stripe counts it."""
    return int(amount.scaleb(_places(currency)))


def _places(currency: str) -> int:
    return _PLACES.get(currency.upper(), 2)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _moment_or_none(seconds: int | None) -> datetime | None:
    return None if seconds is None else _moment(seconds)
