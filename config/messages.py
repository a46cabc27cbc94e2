"""``make messages``: collect our texts for people into the German catalogue, and compile it.

With Babel: no program has to be installed. What is not translated yet is printed.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "config" / "locale" / "de" / "LC_MESSAGES"
PO, MO = FOLDER / "django.po", FOLDER / "django.mo"
SOURCES = ("config", "shared_apps", "billing", "tenant_apps")

_PLURAL, _IN_CONTEXT = (1, 2), ((1, "c"), 2)
_KEYWORDS: dict[str, Any] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop")),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), _PLURAL),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), _IN_CONTEXT),
}


class German(Catalog):
    """A catalogue whose header has neither dates nor names: it changes with the texts alone."""

    mime_headers = property(
        lambda self: [
            ("Content-Type", "text/plain; charset=UTF-8"),
            ("Language", "de"),
            ("Plural-Forms", "nplurals=2; plural=(n != 1);"),
        ]
    )


def marked_texts() -> Iterator[tuple[Any, str | None]]:
    """Yield each text that is marked in our sources, with its plural if it has one; its context."""
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.*")):
            if path.suffix in (".py", ".html", ".txt"):
                for _, text, _, context in extract("python", _as_python(path), _KEYWORDS):
                    yield text, context


def _as_python(path: Path) -> BytesIO:
    source = path.read_text()
    if path.suffix != ".py":
        # What a template marks becomes calls; its indentation means nothing.
        lines = templatize(source, origin=str(path)).splitlines()
        source = "\n".join(line.strip() for line in lines)
    return BytesIO(source.encode())


def collect() -> Catalog:
    """Return the catalogue as it should be: the texts of the sources, as far as translated."""
    with PO.open("rb") as file:
        known = read_po(file, locale="de")
    catalogue = German(locale="de", header_comment="", fuzzy=False)
    for text, context in marked_texts():
        german = known.get(text if isinstance(text, str) else text[0], context)
        # One that has become a plural, or is none any more, has to be translated anew.
        fits = german and isinstance(german.string, str) == isinstance(text, str)
        kept = german.string if german and fits and not german.fuzzy else ""
        catalogue.add(text, kept, context=context)
    return catalogue


def as_po(catalogue: Catalog) -> bytes:
    """Return the text of the catalogue, sorted."""
    file = BytesIO()
    write_po(file, catalogue, width=100, no_location=True, sort_output=True)
    return file.getvalue().lstrip()


def as_mo(catalogue: Catalog) -> bytes:
    """Return what Django reads."""
    file = BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def untranslated(catalogue: Catalog) -> list[Any]:
    """Return the texts without a translation."""
    texts: list[Any] = [(m.id, m.string if m.pluralizable else [m.string]) for m in catalogue]
    return [text for text, german in texts if not all(german)]


def main() -> None:
    """Write both files."""
    catalogue = collect()
    PO.write_bytes(as_po(catalogue))
    MO.write_bytes(as_mo(catalogue))
    for text in untranslated(catalogue):
        print(f"not translated: {text!r}")


if __name__ == "__main__":
    main()
