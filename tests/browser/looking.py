"""What is asked of every page: that it fits its window, and that axe finds nothing in it."""

import re
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response

from tests.stack.running import ROOT

from .excepted import EXCEPTED

# Ignored by git; for a person to look at.
PICTURES = ROOT / "screenshots"
# Unfold folds its menu away up to a width of 1280.
DESKTOP = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 844}
# Some pages lead on to Stripe's; the browser finds no such host here.
STRIPES = ".stripe.com"


def look(page: Page, name: str) -> None:
    """Take the page's picture in both sizes; fail if it does not fit or axe finds anything."""
    before = page.viewport_size
    for size_name, size in (("desktop", DESKTOP), ("phone", PHONE)):
        page.set_viewport_size(size)
        take_picture(page, f"{name}-{size_name}")
    page.set_viewport_size(before)
    found = findings(page)
    assert not found, "\n".join(found[:10])


def take_picture(page: Page, name: str) -> None:
    """Take the page's picture as it is; fail if one must scroll sideways."""
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
    window = page.viewport_size
    assert window
    excess = page.evaluate("document.documentElement.scrollWidth") - window["width"]
    assert excess <= 0, f"{name} is {excess} px too wide"


def findings(page: Page) -> list[str]:
    """Return what axe finds in the page and no exception covers, and exceptions without use."""
    path = urlsplit(page.url).path
    excepted = [one for one in EXCEPTED if re.fullmatch(one.path, path)]
    used, found = set(), []
    for violation in Axe().run(page).response["violations"]:
        rule = violation["id"]
        for node in violation["nodes"]:
            by = {e for e in excepted if e.rule == rule and re.search(e.html, node["html"])}
            used |= by
            if not by:
                found.append(f"{path}: {rule}: {violation['help']}: {node['html']}")
    return found + [f"{path}: not needed: {one}" for one in excepted if one not in used]


def troubles_of(context: BrowserContext) -> list[str]:
    """Return a list that fills with what goes wrong in the context's pages.

    Errors of scripts and of the content policy, requests that failed or left this machine. A page
    may say no, which its test sees; what belongs to a page must be there.
    """
    troubles: list[str] = []

    def said(message: ConsoleMessage) -> None:
        # That a resource was not loaded is told by its request.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            troubles.append(f"{message.location['url']}: {message.text}")

    def asked(request: Request) -> None:
        host = urlsplit(request.url).hostname
        if host and not f".{host}".endswith((".localhost", STRIPES)):
            troubles.append(f"A request left this machine: {request.url}")

    def failed(request: Request) -> None:
        # Aborted: the page was left before it had everything.
        is_stripes = urlsplit(request.url).netloc.endswith(STRIPES)
        if request.failure != "net::ERR_ABORTED" and not is_stripes:
            troubles.append(f"{request.url}: {request.failure}")

    def answered(response: Response) -> None:
        page = response.request.is_navigation_request()
        if response.status >= (500 if page else 400):
            troubles.append(f"{response.url}: {response.status}")

    context.on("console", said)
    context.on("weberror", lambda error: troubles.append(error.error.stack or str(error.error)))
    context.on("request", asked)
    context.on("requestfailed", failed)
    context.on("response", answered)
    return troubles
