from collections.abc import Iterator

import pytest
import stripe
from stripe import StripeClient

from tests.stripe_server import StripeServer


@pytest.fixture
def server() -> Iterator[StripeServer]:
    with StripeServer() as running:
        yield running


@pytest.fixture
def client(server: StripeServer) -> StripeClient:
    return server.client()


@pytest.fixture
def prices(client: StripeClient) -> dict[str, stripe.Price]:
    """One product, by month at 20 dollars and at 50, and by year at 200."""
    client.v1.products.create({"id": "pro", "name": "Pro"})
    amounts = {"month": 2000, "year": 20000, "big": 5000}
    return {
        name: client.v1.prices.create(
            {
                "product": "pro",
                "currency": "usd",
                "unit_amount": amount,
                "lookup_key": name,
                "recurring": {"interval": "year" if name == "year" else "month"},
            }
        )
        for name, amount in amounts.items()
    }


@pytest.fixture
def payer(client: StripeClient) -> stripe.Customer:
    """A customer with a card on file."""
    card = "pm_card_visa"
    return client.v1.customers.create(
        {
            "email": "owner@acme.example",
            "payment_method": card,
            "invoice_settings": {"default_payment_method": card},
        }
    )
