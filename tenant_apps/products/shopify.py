"""Shopify's product export, read into products.

Rows of one handle are one product: its variants, its images, or both at once. Option names and
the title stand on the first row only, prices are empty on rows that only add an image.
Source: Shopify's "Using CSV files to import and export products".
"""

import csv
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from io import StringIO
from typing import Any

from django.utils.translation import gettext as _

REQUIRED_COLUMNS = frozenset({"Handle", "Title", "Variant Price"})
USED_COLUMNS = REQUIRED_COLUMNS | {
    *("Body (HTML)", "Type", "Tags", "Published", "Status", "Image Src"),
    *("Variant SKU", "Variant Inventory Qty"),
    *(f"Option{number} {part}" for number in (1, 2, 3) for part in ("Name", "Value")),
}
MAX_ROWS = 50_000
MAX_STOCK = 2_147_483_647
_HANDLE = re.compile(r"[-a-zA-Z0-9_]{1,255}")
_OPTIONS = (1, 2, 3)
_MAX_PRICE = Decimal("99999999.99")


class NotACatalogue(ValueError):
    """The file as a whole cannot be read; the message says why."""


class RowRefused(ValueError):
    """One product cannot be taken; the message says why, ``line`` where."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


@dataclass(slots=True)
class Row:
    """One CSV record and the line of the file it begins on."""

    line: int
    values: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return (self.values.get(column) or "").strip()


@dataclass(slots=True)
class ParsedProduct:
    """What one handle's rows say."""

    slug: str
    name: str
    description: str
    category: str
    price: Decimal
    stock: int
    sku: str
    tags: list[str]
    attributes: dict[str, Any]
    image_url: str
    is_active: bool


@dataclass(slots=True)
class Catalogue:
    """A file's rows by handle, in the order of first appearance."""

    rows_total: int = 0
    handles: dict[str, list[Row]] = field(default_factory=dict)


def check_catalogue(content: bytes) -> None:
    """Read a file to its end and keep nothing: what a web request can afford.

    Raises:
        NotACatalogue: as :func:`read_catalogue`.

    """
    if not sum(1 for _ in _rows(content)):
        raise NotACatalogue(_("The file has a header but no rows."))


def read_catalogue(content: bytes) -> Catalogue:
    """Group the rows of a file by handle.

    Raises:
        NotACatalogue: no text, no CSV, no header, no rows, or too many.

    """
    catalogue = Catalogue()
    for row in _rows(content):
        catalogue.rows_total += 1
        catalogue.handles.setdefault(row["Handle"], []).append(row)
    if not catalogue.rows_total:
        raise NotACatalogue(_("The file has a header but no rows."))
    return catalogue


def _rows(content: bytes) -> Iterator[Row]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotACatalogue(_("The file is not UTF-8 text. Save it as CSV UTF-8.")) from error
    if "\x00" in text:
        raise NotACatalogue(_("The file is not text: it has NUL characters."))
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    try:
        yield from _records(reader)
    except csv.Error as error:
        raise NotACatalogue(_("The file is not CSV: %(error)s.") % {"error": error}) from error


def _records(reader: Any) -> Iterator[Row]:
    header = [name.strip() for name in next(reader, [])]
    if missing := sorted(REQUIRED_COLUMNS - set(header)):
        raise NotACatalogue(
            _(
                "The first line must be the header of a Shopify product export;"
                " these columns are missing: %(columns)s."
            )
            % {"columns": ", ".join(missing)}
        )
    used = [(place, name) for place, name in enumerate(header) if name in USED_COLUMNS]
    line, count = reader.line_num + 1, 0
    for values in reader:
        if any(value.strip() for value in values):
            count += 1
            if count > MAX_ROWS:
                raise NotACatalogue(
                    _("The file has more than %(rows)s rows. Split it.") % {"rows": MAX_ROWS}
                )
            yield Row(line, {name: values[p] for p, name in used if p < len(values)})
        line = reader.line_num + 1


def parse_product(handle: str, rows: list[Row]) -> ParsedProduct:
    """Make one product of the rows of a handle.

    The price is the lowest variant's, the stock their sum; option names and values become
    attributes, each value once.

    Raises:
        RowRefused: a row has something that cannot be taken; then none of them is.

    """
    first = rows[0]
    if not _HANDLE.fullmatch(handle):
        raise RowRefused(
            first.line, _("The handle %(handle)r is not a slug.") % {"handle": handle[:60]}
        )
    titled = next((row for row in rows if row["Title"]), None)
    if titled is None:
        raise RowRefused(first.line, _("No row of this handle has a title."))
    prices = [_price(row) for row in rows if row["Variant Price"]]
    if not prices:
        raise RowRefused(first.line, _("No row of this handle has a price."))
    return ParsedProduct(
        slug=handle,
        name=_at_most(titled, "Title", 255),
        description=_plain_text(titled["Body (HTML)"]),
        category=_at_most(titled, "Type", 255),
        price=min(prices),
        stock=_stock(rows),
        sku=next((_at_most(row, "Variant SKU", 64) for row in rows if row["Variant SKU"]), ""),
        tags=_tags(titled),
        attributes=_attributes(rows),
        image_url=next((row["Image Src"] for row in rows if _is_image(row)), ""),
        is_active=titled["Published"].lower() != "false"
        and titled["Status"].lower() in ("", "active"),
    )


def _price(row: Row) -> Decimal:
    raw = row["Variant Price"]
    try:
        price = Decimal(raw)
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite():
        raise RowRefused(row.line, _("%(text)r is not a price.") % {"text": raw[:40]})
    if not 0 < price <= _MAX_PRICE or (cents := price.quantize(Decimal("0.01"))) == 0:
        raise RowRefused(row.line, _("The price %(text)s is out of range.") % {"text": raw[:40]})
    return cents


def _stock(rows: list[Row]) -> int:
    total = sum(_quantity(row) for row in rows)
    if total > MAX_STOCK:
        raise RowRefused(
            rows[0].line,
            _("The stock of all variants, %(total)s, is out of range.") % {"total": total},
        )
    return max(0, total)


def _quantity(row: Row) -> int:
    raw = row["Variant Inventory Qty"]
    try:
        quantity = int(raw or 0)
    except ValueError:
        raise RowRefused(
            row.line, _("%(text)r is not a stock quantity.") % {"text": raw[:40]}
        ) from None
    if abs(quantity) > 1_000_000_000:
        raise RowRefused(
            row.line, _("The stock quantity %(text)s is out of range.") % {"text": raw[:40]}
        )
    return quantity


def _at_most(row: Row, column: str, length: int) -> str:
    if len(row[column]) > length:
        raise RowRefused(
            row.line,
            _("%(column)s is longer than %(length)s characters.")
            % {"column": column, "length": length},
        )
    return row[column]


def _tags(row: Row) -> list[str]:
    tags = list(dict.fromkeys(tag.strip() for tag in row["Tags"].split(",") if tag.strip()))
    if too_long := next((tag for tag in tags if len(tag) > 50), None):
        raise RowRefused(
            row.line, _("The tag %(tag)r is longer than 50 characters.") % {"tag": too_long[:60]}
        )
    return tags


def _attributes(rows: list[Row]) -> dict[str, list[str]]:
    attributes: dict[str, list[str]] = {}
    for number in _OPTIONS:
        name = next((n for row in rows if (n := row[f"Option{number} Name"])), "")
        values = dict.fromkeys(v for row in rows if (v := row[f"Option{number} Value"]))
        # Shopify's stand-in for a product without options.
        if name and list(values) != ["Default Title"]:
            attributes[name] = list(values)
    return attributes


def _is_image(row: Row) -> bool:
    return row["Image Src"].startswith(("https://", "http://")) and len(row["Image Src"]) <= 500


def _plain_text(body: str) -> str:
    """Return the text of an HTML body, paragraphs and lines kept, everything else dropped.

    In time linear in its length, whatever a stranger put into it.
    """
    for tag in ("script", "style"):
        body = _without(tag, body)
    body = re.sub(r"(?i)<br\s*/?>|</(?:p|div|li|h[1-6]|tr)\s*>", "\n", body)
    text = html.unescape(re.sub(r"<[^<>]*>", "", body)).replace("\xa0", " ").replace("\x00", "")
    lines = [re.sub(r"[ \t\r]+", " ", line).strip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _without(tag: str, body: str) -> str:
    """Return ``body`` without an element and its content; an open end takes the rest along."""
    opening, closing = re.compile(rf"(?i)<{tag}\b"), re.compile(rf"(?i)</{tag}\s*>")
    kept, place = [], 0
    while start := opening.search(body, place):
        kept.append(body[place : start.start()])
        end = closing.search(body, start.end())
        if end is None:
            return "".join(kept)
        place = end.end()
    return "".join([*kept, body[place:]])
