"""The catalogue import in the admin: the file, what is wrong with it, and how far it is."""

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenant_apps.integrations.jobs import run
from tenant_apps.integrations.models import Job, OutboxEntry
from tenant_apps.products.models import Product
from tenant_apps.users.models import Role, User
from tests.api import PASSWORD, Admin

PATH = "/admin/products/product/import/"
JOBS = "/admin/integrations/job/"
CSV = b"Handle,Title,Published,Variant Inventory Qty,Variant Price\nh,Lamp,true,1,5\n"
REFRESH = '<meta http-equiv="refresh" content="2">'


def upload(admin: Admin, content: bytes = CSV, name: str = "catalogue.csv"):
    return admin.post(PATH, {"file": SimpleUploadedFile(name, content)})


def clerk_with(acme, *codenames: str) -> Admin:
    role = Role.objects.create(name="Clerk", rank=10)
    role.permissions.set(Permission.objects.filter(codename__in=["open_admin", *codenames]))
    clerk = User.objects.create_member("clerk@x.example", PASSWORD, role="customer")
    clerk.groups.add(role)
    return Admin(acme.primary_host, clerk)


def page_of(admin: Admin, job: Job) -> str:
    answer = admin.get(f"{JOBS}{job.pk}/change/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_file_is_taken_and_its_import_followed_to_the_end(admin, acme):
    assert 'type="file"' in admin.get(PATH).content.decode()
    answer = upload(admin, CSV + b"bad,<b>Bad</b>,true,1,free\n", "new.csv")
    job = Job.objects.get()
    assert answer["Location"] == f"{JOBS}{job.pk}/change/"
    assert (job.filename, job.created_by.email) == ("new.csv", "owner@acme.example")
    assert OutboxEntry.objects.filter(kind="integrations.run_job").count() == 1
    waiting = page_of(admin, job)
    assert REFRESH in waiting.partition("</head>")[0]
    assert "Queued" in waiting
    run(job.pk)
    done = page_of(admin, job)
    assert REFRESH not in done
    assert 'aria-label="2 of 2"' in done
    assert "&#x27;free&#x27; is not a price" in done
    assert ">3</td>" in done, "the line"
    assert Product.objects.get().name == "Lamp"


def test_a_running_import_shows_how_far_it_is(admin, acme):
    job = Job.objects.create(kind="catalogue_import", filename="x.csv", content=CSV)
    job.start()
    job.report(rows_total=50, rows_done=20, created=19, refused=1)
    page = page_of(admin, job)
    assert '<progress value="20" max="50" aria-label="20 of 50">' in page
    assert REFRESH in page


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"a,b\n1,2\n", "these columns are missing: Handle, Title, Variant Price"),
        (CSV.splitlines()[0], "has a header but no rows"),
        (b"", "file is empty"),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused_on_the_page(admin, acme, content, reason):
    answer = upload(admin, content)
    assert answer.status_code == 200
    assert reason in answer.content.decode()
    assert not Job.objects.exists()


def test_a_file_that_is_too_large_is_refused_on_the_page(admin, acme, settings):
    settings.CATALOGUE_MAX_BYTES = 1024 * 1024
    answer = upload(admin, CSV + b"x" * 1024 * 1024)
    assert "larger than 1 MB" in answer.content.decode()
    assert "This field is required" in admin.post(PATH, {}).content.decode()
    assert not Job.objects.exists()


def test_only_those_who_may_import_are_offered_it(acme, as_role):
    assert f'href="{PATH}"' in as_role("staff").get("/admin/products/product/").content.decode()
    clerk = clerk_with(acme, "view_product", "change_product")
    assert f'href="{PATH}"' not in clerk.get("/admin/products/product/").content.decode()
    assert clerk.get(PATH).status_code == 403
    assert upload(clerk).status_code == 403
    assert not Job.objects.exists()


def test_whoever_may_import_follows_their_own_and_no_others(admin, acme):
    upload(admin)
    other = Job.objects.get()
    clerk = clerk_with(acme, "import_catalogue")
    assert clerk.get(JOBS).status_code == 403, "nothing to see yet"
    answer = upload(clerk)
    assert clerk.get(answer["Location"]).status_code == 200
    assert clerk.get(f"{JOBS}{other.pk}/change/").status_code == 302, "as if it were not there"
    assert clerk.get(JOBS).content.decode().count("catalogue.csv") == 1
    mine = Job.objects.get(created_by__email="clerk@x.example")
    assert admin.get(f"{JOBS}{mine.pk}/change/").status_code == 200


def test_past_imports_are_listed_and_nobody_changes_them(admin, as_role, acme):
    upload(admin, name="first.csv")
    job = Job.objects.get()
    assert "first.csv" in admin.get(JOBS).content.decode()
    assert "first.csv" in as_role("staff").get(JOBS).content.decode()
    clerk = clerk_with(acme, "view_job", "add_job", "change_job", "delete_job")
    assert clerk.get(f"{JOBS}add/").status_code == 403
    assert clerk.post(f"{JOBS}{job.pk}/change/", {"filename": "x"}).status_code == 403
    assert clerk.post(f"{JOBS}{job.pk}/delete/", {"post": "yes"}).status_code == 403
    job.refresh_from_db()
    assert job.filename == "first.csv"


def test_the_list_never_reads_what_was_handed_in(admin, acme):
    upload(admin)
    with CaptureQueriesContext(connection) as captured:
        admin.get(JOBS)
        page_of(admin, Job.objects.defer("content").get())
    assert not [q for q in captured if '"integrations_job"."content"' in q["sql"]]


def test_many_refusals_are_cut_and_counted(admin, acme):
    job = Job.objects.create(
        kind="catalogue_import",
        status="done",
        refused=500,
        refusals=[{"line": n, "handle": "h", "reason": "r"} for n in range(200)],
    )
    assert "And 300 more." in page_of(admin, job)
