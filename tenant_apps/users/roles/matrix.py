"""What a role may hold, as a table: rows of things, columns of deeds."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ..built_in_roles import GRANTABLE

# The order in which things and deeds are shown.
ROWS = {
    "products.product": _("Products"),
    "products.category": _("Categories"),
    "orders.order": _("Orders"),
    "integrations.job": _("Imports and exports"),
    "history.change": _("History of changes"),
    "users.user": _("People"),
    "users.role": _("Roles"),
    "users.portalsettings": _("Portal settings"),
    "users.apikey": _("API keys"),
    "users.portal": _("Portal"),
}
COLUMNS = {
    "view": _("View"),
    "add": _("Add"),
    "change": _("Change"),
    "delete": _("Delete"),
    "refund": _("Refund"),
    "import": _("Import"),
    "invite": _("Invite"),
    "manage": _("Manage"),
    "open": _("Open the admin"),
}
# Named deeds whose codename does not end in their row's model.
_ROW_OF = {
    "products.import_catalogue": "products.product",
    "users.open_admin": "users.portal",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One permission: ``row`` is a thing (a key of ``ROWS``), ``column`` a deed."""

    code: str
    row: str
    column: str

    @property
    def label(self) -> str:
        """How a person reads it: ``Products: change``."""
        return f"{ROWS[self.row]}: {str(COLUMNS[self.column]).lower()}"


def cell_of(code: str) -> Cell:
    """Return where the permission ``code`` (``app.codename``) stands.

    Raises:
        KeyError: no role may hold it.

    """
    return CELLS[code]


def table(codes: Iterable[str] = ()) -> list[tuple[Promise, list[Cell | None]]]:
    """Return the rows, each with its title and a cell or None a column."""
    chosen = set(codes) or set(CELLS)
    by_place = {(c.row, c.column): c for c in CELLS.values() if c.code in chosen}
    return [
        (title, [by_place.get((row, column)) for column in COLUMNS]) for row, title in ROWS.items()
    ]


def _cell(code: str) -> Cell:
    app, codename = code.split(".")
    column, model = codename.split("_", 1)
    return Cell(code, _ROW_OF.get(code, f"{app}.{model}"), column)


CELLS = {code: _cell(code) for code in sorted(GRANTABLE)}
