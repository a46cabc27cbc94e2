"""The catalogue: who sees what of it, taking it in from a file, giving it out."""

import os
import re
import signal

from playwright.sync_api import expect

from .looking import look


def test_who_was_granted_a_category_sees_it_and_nothing_else(sign_in, visit):
    owner = sign_in("owner@cypress.example")
    owner.goto("/admin/users/portalsettings/1/change/")
    owner.get_by_label("Who may read the catalogue").select_option("granted")
    look(owner, "settings")
    owner.get_by_role("button", name="Save", exact=True).click()

    owner.goto("/admin/products/category/")
    owner.get_by_role("link", name="Lamps", exact=True).click()
    owner.get_by_role("link", name="Granted to people").click()
    owner.get_by_role("link", name="Add another").click()
    owner.locator(".select2-selection:visible").first.click()
    owner.locator(".select2-search__field").last.fill("customer")
    owner.get_by_role("option", name="customer@cypress.example").click()
    deed = owner.locator("select[name$=permission]:visible")
    deed.select_option(deed.locator("option", has_text="view").get_attribute("value"))
    look(owner, "category-granted")
    owner.get_by_role("button", name="Save", exact=True).click()

    page = visit("cypress")
    expect(page.get_by_text("This catalogue is for members.")).to_be_visible()
    look(page, "catalogue-closed")
    page = sign_in("customer@cypress.example")
    names = page.locator("ul[aria-label=Products] h2")
    expect(names).to_have_text([re.compile("Lamp")] * 3)
    expect(page.get_by_label("Category").get_by_role("option")).to_have_text(
        ["All categories", "Lamps"]
    )
    assert page.goto("/products/table-1/").status == 404
    look(page, "not-found")


def test_a_file_is_imported_while_one_watches(owner, stack, tmp_path):
    file = tmp_path / "shelf.csv"
    file.write_text(
        "Handle,Title,Type,Published,Variant Inventory Qty,Variant Price\n"
        + "".join(f"shelf-{n},Shelf {n},Shelves,true,50,{n}.00\n" for n in range(1, 21))
        + "broken,Broken,Shelves,true,5,dear\n"
    )
    owner.goto("/admin/products/product/")
    owner.get_by_role("link", name="Import").click()
    look(owner, "import")
    owner.locator("input[type=file]").set_input_files(file)
    os.killpg(stack.worker.pid, signal.SIGSTOP)
    try:
        owner.get_by_role("button", name="Import").click()
        expect(owner.get_by_text("Queued")).to_be_visible()
        look(owner, "import-queued")
    finally:
        os.killpg(stack.worker.pid, signal.SIGCONT)
    # The page renews itself.
    expect(owner.get_by_text("Done")).to_be_visible(timeout=30_000)
    expect(owner.get_by_label("21 of 21")).to_be_visible()
    expect(owner.get_by_role("row", name="broken")).to_contain_text("is not a price")
    look(owner, "import-done")
    owner.goto("/admin/integrations/job/")
    look(owner, "imports")


def test_the_catalogue_is_exported(owner):
    owner.goto("/admin/products/product/?q=lamp")
    owner.get_by_role("link", name="Export").click()
    look(owner, "export")
    owner.get_by_label("Format").select_option(label="csv")
    with owner.expect_download() as download:
        owner.get_by_role("button", name="Submit").click()
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 4, lines
    assert "Lamp 1" in "\n".join(lines)
