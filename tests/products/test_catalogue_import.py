"""Importing Shopify's product export: whole products or none, any number of times."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test.client import MULTIPART_CONTENT
from django.utils import timezone

from tenant_apps.integrations.jobs import run
from tenant_apps.integrations.models import Job, JobLost, OutboxEntry
from tenant_apps.products.catalogue_import import import_catalogue
from tenant_apps.products.models import Category, Product
from tenant_apps.products.shopify import NotACatalogue
from tests.api import Api, code

ROOT = Path(__file__).resolve().parents[2]
OWN = sorted((ROOT / "deploy" / "demo").glob("*.csv"))
REAL = sorted((ROOT.parent / "shared" / "data" / "shopify").glob("*.csv"))

HEAD = (
    "Handle,Title,Body (HTML),Type,Tags,Published,Option1 Name,Option1 Value,"
    "Variant SKU,Variant Inventory Qty,Variant Price,Image Src"
)


def csv(*rows: str) -> bytes:
    return "\n".join([HEAD, *rows, ""]).encode()


def upload(api: Api, content: bytes, name: str = "catalogue.csv"):
    body = {"file": SimpleUploadedFile(name, content)}
    return api.request("post", "/api/imports/", body, content_type=MULTIPART_CONTENT)


def test_rows_of_one_handle_become_one_product(acme):
    done = import_catalogue(
        csv(
            'shirt,Shirt,"<p>Cut <b>straight</b>.</p><p>Wash&nbsp;cold &amp; dry</p>",Tops,'
            '"men, summer , men",true,Size,S,SH-S,3,20.00,https://x.example/1.jpg',
            "shirt,,,,,,,M,SH-M,-1,18.50,",
            "shirt,,,,,,,,,,,https://x.example/2.jpg",
        )
    )
    product = Product.objects.get()
    assert (done.created, done.updated, done.refused) == (1, 0, 0)
    assert (product.slug, product.name, product.sku) == ("shirt", "Shirt", "SH-S")
    assert (product.price, product.stock) == (Decimal("18.50"), 2)
    assert product.attributes == {"Size": ["S", "M"]}
    assert product.tags == ["men", "summer"]
    assert product.description == "Cut straight.\nWash cold & dry"
    assert product.image_url == "https://x.example/1.jpg"
    assert product.category.name == "Tops"
    assert product.is_active


def test_a_product_without_options_has_no_attributes(acme):
    import_catalogue(csv("cap,Cap,,,,true,Title,Default Title,,1,5,"))
    assert Product.objects.get().attributes == {}


def test_what_is_not_published_is_not_active(acme):
    import_catalogue(csv("cap,Cap,,,,FALSE,,,,1,5,"))
    assert not Product.objects.get().is_active


def test_importing_again_updates_and_makes_nothing_twice(acme):
    import_catalogue(csv("cap,Cap,,Hats,,true,,,,1,5,"))
    before = Product.objects.get()
    done = import_catalogue(csv("cap,New cap,,Hats,,true,,,,7,6,"))
    after = Product.objects.get()
    assert (done.created, done.updated) == (0, 1)
    assert (after.pk, after.created_at) == (before.pk, before.created_at)
    assert (after.name, after.stock) == ("New cap", 7)
    assert after.updated_at > before.updated_at
    assert Category.objects.count() == 1


@pytest.mark.parametrize(
    ("row", "line", "reason"),
    [
        ("bad,Bad,,,,true,,,,1,free,", 2, "'free' is not a price"),
        ("bad,Bad,,,,true,,,,1,0,", 2, "out of range"),
        ("bad,Bad,,,,true,,,,1,-3,", 2, "out of range"),
        ("bad,Bad,,,,true,,,,1,1e30,", 2, "out of range"),
        ("bad,Bad,,,,true,,,,1,NaN,", 2, "is not a price"),
        ("bad,Bad,,,,true,,,,1,,", 2, "No row of this handle has a price"),
        ("bad,,,,,true,,,,1,5,", 2, "has a title"),
        ("b a d,Bad,,,,true,,,,1,5,", 2, "is not a slug"),
        (",Bad,,,,true,,,,1,5,", 2, "is not a slug"),
        ("bad,Bad,,,,true,,,,many,5,", 2, "'many' is not a stock quantity"),
        (f"bad,{'x' * 256},,,,true,,,,1,5,", 2, "Title is longer than 255"),
        (f"bad,Bad,,,{'t' * 51},true,,,,1,5,", 2, "longer than 50"),
        ('bad,Bad,"two\nlines",,,true,Size,S,,1,5,\nbad,,,,,,,M,,1,oops,', 4, "'oops'"),
    ],
)
def test_a_bad_row_refuses_its_whole_product_with_line_and_reason(acme, row, line, reason):
    done = import_catalogue(csv(row, "good,Good,,,,true,,,,1,5,"))
    assert (done.created, done.refused) == (1, 1)
    assert done.refusals[0]["line"] == line
    assert reason in done.refusals[0]["reason"]
    assert Product.objects.get().slug == "good"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "columns are missing"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not UTF-8"),
        ("Handle,Title,Variant Price\ncafé,Café,1\n".encode("latin-1"), "not UTF-8"),
        (b"Handle,Title,Variant Price\nx,\x00,1\n", "NUL"),
        (b"shirt,Shirt,5\ncap,Cap,6\n", "columns are missing"),
        (b"Handle,Title,Variant Price\n", "no rows"),
        (b'Handle,Title,Variant Price\na,"b"c,1\n', "not CSV"),
        (b'{"products": []}', "columns are missing"),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused_as_a_whole(owner, content, reason):
    with pytest.raises(NotACatalogue, match=reason):
        import_catalogue(content)
    answer = upload(owner, content or b" ")
    assert (answer.status_code, code(answer)) == (400, "not_a_catalogue")
    assert Job.objects.count() == 0


def test_a_byte_order_mark_does_no_harm(acme):
    assert import_catalogue(b"\xef\xbb\xbf" + csv("cap,Cap,,,,true,,,,1,5,")).created == 1


def test_a_file_over_20_megabytes_is_refused(owner, settings):
    settings.CATALOGUE_MAX_BYTES = 1000
    answer = upload(owner, csv(*[f"cap{n},Cap,,,,true,,,,1,5," for n in range(100)]))
    assert (answer.status_code, code(answer)) == (413, "file_too_large")
    assert Job.objects.count() == 0


def test_an_upload_is_a_job_whose_progress_can_be_followed(owner):
    answer = upload(owner, csv("cap,Cap,,,,true,,,,1,5,", "bad,Bad,,,,true,,,,1,free,"))
    assert answer.status_code == 202
    job = answer.json()
    assert (job["status"], job["rows_done"]) == ("queued", 0)
    assert OutboxEntry.objects.get(kind="integrations.run_job").payload == {"job": job["id"]}
    run(Job.objects.get().pk)
    done = owner.get(job["url"]).json()
    assert (done["status"], done["rows_total"], done["rows_done"]) == ("done", 2, 2)
    assert (done["created"], done["updated"], done["refused"]) == (1, 0, 1)
    assert done["refusals"] == [{"line": 3, "handle": "bad", "reason": "'free' is not a price."}]
    assert Job.objects.get().content is None


def test_a_job_that_has_ended_is_not_run_again(owner):
    upload(owner, csv("cap,Cap,,,,true,,,,1,5,"))
    job = Job.objects.get()
    run(job.pk)
    Product.objects.all().delete()
    run(job.pk)
    assert Product.objects.count() == 0


def test_imports_are_for_those_who_may(member, anonymous):
    assert upload(anonymous, csv("cap,Cap,,,,true,,,,1,5,")).status_code == 401
    assert upload(member("customer"), csv("cap,Cap,,,,true,,,,1,5,")).status_code == 403
    assert upload(member("staff"), csv("cap,Cap,,,,true,,,,1,5,")).status_code == 202


def test_a_body_without_a_file_is_a_clear_error(owner):
    answer = owner.request("post", "/api/imports/", {}, content_type="application/json")
    assert answer.status_code == 415
    empty = owner.request("post", "/api/imports/", {}, content_type=MULTIPART_CONTENT)
    assert (empty.status_code, empty.json()["errors"][0]["attr"]) == (400, "file")


@pytest.mark.parametrize("path", [*OWN, *REAL], ids=lambda path: path.name)
def test_whole_files_are_imported_and_again_without_a_change(acme, path):
    first = import_catalogue(path.read_bytes())
    assert first.refused == 0, first.refusals
    assert first.created == Product.objects.count() > 9
    assert Product.objects.filter(price__gt=0).exclude(name="").count() == first.created
    assert not Product.objects.filter(description__contains="<").exists()
    again = import_catalogue(path.read_bytes())
    assert (again.created, again.updated) == (0, first.created)


def test_the_command_imports_a_file_and_says_what_it_did(acme, capsys, tmp_path):
    call_command("import_catalog", str(OWN[0]))
    assert "13 created, 0 updated, 0 refused." in capsys.readouterr().out
    (tmp_path / "no.csv").write_bytes(b"nothing")
    with pytest.raises(CommandError, match="columns are missing"):
        call_command("import_catalog", str(tmp_path / "no.csv"))
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_catalog", str(tmp_path / "absent.csv"))


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (["bad,Bad,,,,true,,,,1,0.004,"], "out of range"),
        (
            [
                "bad,Bad,,,,true,Size,S,,1000000000,5,",
                "bad,,,,,,,M,,1000000000,5,",
                "bad,,,,,,,L,,1000000000,5,",
            ],
            "of all variants",
        ),
    ],
)
def test_what_the_database_could_not_keep_is_refused_by_its_line(acme, rows, reason):
    done = import_catalogue(csv(*rows, "good,Good,,,,true,,,,1,5,"))
    assert (done.created, done.refused) == (1, 1)
    assert reason in done.refusals[0]["reason"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<" * 100_000, "<" * 100_000),
        ("<script " * 12_000, ""),
        ("a<script>x</script>b<style>y</STYLE >c", "abc"),
        ("a<script>never closed", "a"),
        ("1 < 2 <b>and</b> 3 > 2", "1 < 2 and 3 > 2"),
    ],
    ids=["lt", "scripts", "both", "open", "maths"],
)
@pytest.mark.timeout(10)
def test_html_becomes_text_in_linear_time(acme, body, text):
    from tenant_apps.products.shopify import _plain_text

    assert _plain_text(body) == text


def test_a_file_of_too_many_rows_is_refused_before_it_is_kept(owner, monkeypatch):
    monkeypatch.setattr("tenant_apps.products.shopify.MAX_ROWS", 3)
    answer = upload(owner, csv(*[f"cap{n},Cap,,,,true,,,,1,5," for n in range(4)]))
    assert (answer.status_code, code(answer)) == (400, "not_a_catalogue")
    assert "more than 3 rows" in answer.json()["errors"][0]["detail"]


def test_a_job_taken_over_is_no_longer_the_first_workers(owner):
    upload(owner, csv("cap,Cap,,,,true,,,,1,5,"))
    first = Job.objects.get()
    assert first.start()
    assert not Job.objects.get().start(), "it is running"
    Job.objects.update(touched_at=timezone.now() - timedelta(minutes=5))
    second = Job.objects.get()
    assert second.start()
    with pytest.raises(JobLost):
        first.report(rows_done=1)
    second.finish()
    with pytest.raises(JobLost):
        first.finish(error="late")
    assert Job.objects.get().status == "done"


def test_a_job_whose_workers_keep_dying_is_given_up(owner):
    upload(owner, csv("cap,Cap,,,,true,,,,1,5,"))
    for _ in range(Job.MAX_ATTEMPTS):
        assert Job.objects.get().start()
        Job.objects.update(touched_at=timezone.now() - timedelta(minutes=5))
    assert not Job.objects.get().start()
    job = Job.objects.get()
    assert (job.status, job.content) == ("failed", None)
    assert "given up" in job.error


def test_an_interrupted_job_is_left_for_the_sweeper(owner, monkeypatch):
    def deadlock(job: Job) -> None:
        raise OperationalError("deadlock detected")

    monkeypatch.setattr("tenant_apps.products.catalogue_import.run_job", deadlock)
    upload(owner, csv("cap,Cap,,,,true,,,,1,5,"))
    run(Job.objects.get().pk)
    assert Job.objects.get().status == "running"
    Job.objects.update(touched_at=timezone.now() - timedelta(minutes=5))
    assert Job.objects.silent().count() == 1
