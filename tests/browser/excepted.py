"""What axe finds in pages that are not ours to mend, and why each is left."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Excepted:
    """Findings of a rule on the paths and in the HTML that the patterns match.

    It must be needed on each of these paths: what is mended there is taken out here.
    """

    rule: str
    path: str
    html: str
    reason: str


_COMPLETING_ONE = r"/admin/(products/product/add|users/user/why)/"
_COMPLETING_SEVERAL = r"/admin/users/role/\d+/(members|grant)/"
_WITH_TABS = r"/admin/products/\w+/(add|.+/change)/"
_GRANTING = "/admin/products/category/.+/change/"

EXCEPTED = [
    Excepted("region", "/admin/.*", "", "Unfold's layout has no <main>."),
    Excepted("landmark-one-main", "/admin/.*", "<html", "Unfold's layout has no <main>."),
    Excepted("list", ".*/product/", "object-tools", "Unfold's buttons are no <li>."),
    Excepted("aria-input-field-name", _COMPLETING_ONE, "select2", "Select2 names no box."),
    Excepted("label", _COMPLETING_SEVERAL, "select2-search", "Select2 names no box."),
    Excepted("landmark-unique", _WITH_TABS, "nav-sidebar", "Unfold names neither <nav>."),
    Excepted("empty-table-header", _GRANTING, "lg:w-px", "Unfold's column to delete has no name."),
    Excepted("select-name", _GRANTING, r'name="\w+grant_', "Unfold's inlines name no selects."),
    Excepted("region", "/api/docs/", "", "Swagger's layout has no <main>."),
    Excepted("color-contrast", "/api/docs/", "", "Swagger's own colours."),
    Excepted("heading-order", "/api/docs/", "<h3", "Swagger's own headings."),
    Excepted("html-has-lang", "/api/docs/", "<html>", "drf-spectacular's page names no language."),
    Excepted("nested-interactive", "/api/docs/", "opblock-summary", "Swagger's own buttons."),
]
