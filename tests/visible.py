"""What a person reads of a page, a mail or a template."""

import re
from html.parser import HTMLParser

SAID = ("alt", "aria-label", "placeholder", "title")
# The admin's icons are drawn of their names.
ICON = re.compile(r'<span class="[^"]*material-symbols[^>]*>[^<]*</span>')
WORD = re.compile(r"[^\W\d_]{2}")


class Visible(HTMLParser):
    """Collects texts, and the attributes that are read out or shown."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in ("script", "style")
        self.texts += [value for name, value in attrs if name in SAID and value]

    def handle_endtag(self, tag):
        self.hidden -= tag in ("script", "style")

    def handle_data(self, data):
        if not self.hidden:
            self.texts += data.splitlines()


def texts_of(html: str) -> list[str]:
    """Return the texts that hold a word, with single spaces."""
    parser = Visible()
    parser.feed(ICON.sub("", html))
    parser.close()
    texts = (" ".join(text.split()) for text in parser.texts)
    return [text for text in texts if WORD.search(text)]
