"""One stack and one browser for this folder; a test has contexts of its own."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connections
from playwright.sync_api import Browser, Page, expect, sync_playwright

from config.embedded import free_port
from shared_apps.tenants.provisioning.pool import fill
from shared_apps.tenants.scope import tenant_scope
from tenant_apps.orders.models import OrderStatus
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Category, Product
from tenant_apps.users.models import User
from tests.api import PASSWORD
from tests.conftest import at_stripe, open_portal
from tests.stack.running import Mailbox, mailbox, text_of, until, web, worker
from tests.stripe_server import StripeServer

from .looking import DESKTOP, troubles_of

# Every *.localhost is this machine, and nothing else is anywhere.
NETWORK = "MAP *.localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"


@dataclass
class Stack:
    """The running processes."""

    port: int
    mail: Mailbox
    worker: "subprocess.Popen[bytes]"
    stripe: StripeServer

    def link_to(self, address: str, path: str) -> str:
        """Return the link to ``path`` in what was mailed to ``address``, once it has come."""
        pattern = rf"http://[\w.-]+:{self.port}{path}[\w:.-]+/"
        return until(lambda: self._mailed(address, pattern), what=f"{path} in a mail to {address}")

    def _mailed(self, address: str, pattern: str) -> str:
        found = (re.search(pattern, text_of(message)) for message in self.mail.to(address))
        return next((link[0] for link in found if link), "")


def open_shop(subdomain: str) -> None:
    """Open a portal with a customer, a catalogue and paid orders."""
    with tenant_scope(open_portal(subdomain)):
        customer = User.objects.create_member(
            f"customer@{subdomain}.example", PASSWORD, role="customer"
        )
        for name in ("Lamp", "Table"):
            category = Category.objects.create(name=f"{name}s", slug=f"{name.lower()}s")
            for n in range(1, 4):
                product = Product.objects.create(
                    name=f"{name} {n}",
                    slug=f"{name.lower()}-{n}",
                    price=10 * n,
                    stock=3 * n,
                    category=category,
                )
                place_order(user=customer, items=[(product.pk, n)]).move_to(OrderStatus.PAID)


@pytest.fixture(scope="session")
def shops(django_db_setup: None, django_db_blocker: Any) -> None:
    """Open ``juniper``, which every test may use, and ``cypress`` for one that changes it."""
    with django_db_blocker.unblock():
        for subdomain in ("juniper", "cypress"):
            open_shop(subdomain)


@pytest.fixture(scope="package")
def stack(
    shops: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """Run web server, worker, mail sink and a Stripe of ours."""
    folder = tmp_path_factory.mktemp("browser")
    mail_port = int(os.environ["EMAIL_URL"].rpartition(":")[2])
    with ExitStack() as running:
        with django_db_blocker.unblock():
            stripe = running.enter_context(at_stripe())
            # For those who sign up.
            fill(6)
            for connection in connections.all():
                connection.close()
        mail = running.enter_context(mailbox(mail_port))
        # Asked for when the mail has its own, which was only chosen until now.
        port = free_port()
        environment = {
            "FREEHOLD_PORT_SUFFIX": f":{port}",
            "STRIPE_API_URL": stripe.url,
            "STRIPE_SECRET_KEY": stripe.api_key,
            "STRIPE_WEBHOOK_SECRET": stripe.webhook_secret,
        }
        running.enter_context(web(port, folder / "web", **environment))
        working = running.enter_context(worker(folder / "worker", **environment))
        yield Stack(port, mail, working, stripe)


@pytest.fixture(scope="package")
def chromium(stack: Stack) -> Iterator[Browser]:
    """Run Debian's Chromium.

    Nothing of Django's ORM works in this thread meanwhile: Playwright keeps an event loop in it.
    """
    program = shutil.which("chromium")
    assert program, "The tests need chromium: deploy/install-test-programs installs it."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=[
                *("--no-sandbox", "--disable-background-networking"),
                f"--host-resolver-rules={NETWORK}",
            ],
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(stack: Stack, chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a browser of a person's own at a portal or, ``""``, before it.

    After the test nothing must have gone wrong in any of them.
    """
    opened = []

    def open_page(portal: str = "", path: str = "/", **options: Any) -> Page:
        host = f"{portal}.localhost" if portal else "localhost"
        context = chromium.new_context(
            base_url=f"http://{host}:{stack.port}",
            **{"viewport": DESKTOP, "reduced_motion": "reduce", **options},
        )
        context.set_default_timeout(10_000)
        opened.append((context, troubles_of(context)))
        page = context.new_page()
        page.goto(path)
        return page

    yield open_page
    for context, _ in opened:
        context.close()
    troubles = [trouble for _, seen in opened for trouble in seen]
    assert not troubles, "\n".join(troubles)


@pytest.fixture
def sign_in(visit: Callable[..., Page]) -> Callable[..., Page]:
    """Return a function that signs somebody in to a portal."""

    def open_portal_as(email: str, **options: Any) -> Page:
        portal = email.partition("@")[2].removesuffix(".example")
        page = visit(portal, "/sign-in/", **options)
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("link", name="Profile")).to_be_visible()
        return page

    return open_portal_as


@pytest.fixture
def owner(sign_in: Callable[..., Page]) -> Page:
    """Return a page of ``juniper`` in the hands of its owner."""
    return sign_in("owner@juniper.example")
