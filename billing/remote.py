"""What is read of Stripe's invoices, and of what a change of plan would cost."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any


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
            total=amount(found["total"]),
            currency=found["currency"].upper(),
            created_at=datetime.fromtimestamp(found["created"], UTC),
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


def amount(cents: int) -> Decimal:
    """Return an amount of Stripe's, which counts in cents."""
    return Decimal(cents).scaleb(-2)
