"""A product's picture: kept by those who keep the catalogue, seen by those who see the product."""

from datetime import timedelta

import time_machine
from django.core import signing
from django.core.files.base import ContentFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.utils import timezone

from shared_apps.tenants.models import Tenant, TenantStatus
from shared_apps.tenants.provisioning.replay import close_tenants
from shared_apps.tenants.scope import no_scope, public_scope, tenant_scope
from shared_apps.tenants.storage import all_names
from tenant_apps.files.models import LEFT_BEHIND, StoredFile
from tenant_apps.files.pictures import Picture, encoded_anew
from tenant_apps.files.signed_links import signed_link
from tenant_apps.files.sweeping import sweep
from tenant_apps.products.models import Product
from tenant_apps.users.models import CatalogueReaders, PortalSettings
from tests.api import Api, code
from tests.files.pictures import picture, upload
from tests.stack.running import until


def put(api: Api, product: Product, content: bytes, name: str = "lamp.png"):
    body = encode_multipart(BOUNDARY, {"file": upload(content, name)})
    path = f"/api/products/{product.pk}/image/"
    return api.request("put", path, body, content_type=MULTIPART_CONTENT)


def lamp(**values) -> Product:
    return Product.objects.create(name="Lamp", slug="lamp", price=3, **values)


def path_of(url: str) -> str:
    return "/" + url.split("/", 3)[3]


def look(api: Api, path: str):
    """Ask for a file, and keep its bytes in ``body``."""
    answer = api.get(path)
    answer.body = answer.getvalue() if answer.streaming else answer.content
    return answer


def test_a_picture_is_kept_and_shown(owner, anonymous, acme):
    product = lamp()
    answer = put(owner, product, picture())
    assert answer.status_code == 200, answer.content
    link = answer.json()["image"]
    assert link.startswith(f"http://{acme.primary_host}:8000/files/")
    for path in (f"/api/products/{product.pk}/image/", path_of(link)):
        shown = look(anonymous, path)
        assert shown.status_code == 200
        assert shown["Content-Type"] == "image/png"
        assert shown["Content-Disposition"] == 'inline; filename="lamp.png"'
        assert shown["X-Content-Type-Options"] == "nosniff"
        assert shown["Content-Security-Policy"].startswith("default-src 'none'; sandbox")
        assert shown.body.startswith(b"\x89PNG")
    with no_scope():
        head = anonymous.client.head(path_of(link))
    assert (head.status_code, head["Content-Type"]) == (200, "image/png")
    assert head.getvalue() == b""
    stored = StoredFile.objects.get()
    assert stored.created_by.email == "owner@acme.example"
    assert "lamp" not in stored.content.name
    assert anonymous.get(f"/api/products/{product.pk}/").json()["image"] == link


def test_a_new_picture_takes_the_place_of_the_old(committed, portal):
    tenant = portal()
    with tenant_scope(tenant):
        product = lamp()
        product.show_picture(encoded_anew(upload(picture())))
        [first] = all_names()
        product.show_picture(encoded_anew(upload(picture("JPEG"))))
        [second] = all_names()
        assert first != second
        assert StoredFile.objects.get().content_type == "image/jpeg"
        product.show_picture(None)
        assert all_names() == []
        assert not StoredFile.objects.exists()


def test_without_a_picture_there_is_nothing_to_see(owner, acme):
    product = lamp()
    assert look(owner, f"/api/products/{product.pk}/image/").status_code == 204
    assert owner.get(f"/api/products/{product.pk}/").json()["image"] is None
    assert owner.delete(f"/api/products/{product.pk}/image/").status_code == 204


def test_a_file_that_is_no_picture_is_refused_and_nothing_is_kept(owner, acme):
    product = lamp()
    before = all_names()
    answer = put(owner, product, b"<svg/>", "lamp.svg")
    assert (answer.status_code, code(answer)) == (400, "not_a_picture")
    assert all_names() == before
    assert not StoredFile.objects.exists()


def test_taking_a_picture_away_needs_no_right_to_delete_products(member, acme):
    product = lamp()
    staff = member("staff")
    assert put(staff, product, picture()).status_code == 200
    assert staff.delete(f"/api/products/{product.pk}/").status_code == 403
    assert staff.delete(f"/api/products/{product.pk}/image/").status_code == 204
    assert staff.get(f"/api/products/{product.pk}/").json()["image"] is None


def test_who_does_not_see_the_product_does_not_see_its_picture(owner, anonymous, member, acme):
    product = lamp(is_active=False)
    assert put(owner, product, picture()).status_code == 200
    path = f"/api/products/{product.pk}/image/"
    assert look(owner, path).status_code == 200
    assert look(anonymous, path).status_code == 404
    assert look(member("customer"), path).status_code == 404


def test_a_catalogue_for_members_shows_its_pictures_to_members(portal):
    tenant = portal()
    with tenant_scope(tenant):
        product = lamp()
        product.show_picture(encoded_anew(upload(picture())))
        settings = PortalSettings.objects.get()
        settings.catalogue_readers = CatalogueReaders.MEMBERS
        settings.store()
    owner = Api(tenant.primary_host).signed_in(f"owner@{tenant.name.lower()}.example")
    path = f"/api/products/{product.pk}/image/"
    # What the settings say is known within a second.
    until(lambda: look(Api(tenant.primary_host), path).status_code == 401, 3)
    assert look(owner, path).status_code == 200


def test_a_link_is_good_in_its_own_tenant_only(owner, acme, globex):
    product = lamp()
    link = path_of(put(owner, product, picture()).json()["image"])
    product.refresh_from_db()
    with tenant_scope(globex):
        # Even were there a file of the same id.
        theirs = StoredFile.objects.store(encoded_anew(upload(picture())))
        StoredFile.objects.filter(pk=theirs.pk).update(id=product.image_id)
    assert look(Api(globex.primary_host), link).status_code == 404
    assert look(Api("localhost"), link).status_code == 404
    assert look(Api(acme.primary_host), link).status_code == 200


def test_a_link_ends_and_cannot_be_forged(owner, anonymous, acme):
    product = lamp()
    link = path_of(put(owner, product, picture()).json()["image"])
    stored = StoredFile.objects.get()
    with time_machine.travel(timezone.now() + timedelta(hours=2, minutes=1), tick=False):
        assert look(anonymous, link).status_code == 404
    forged = signing.Signer(salt="file").sign_object([str(stored.pk), 9_999_999_999])
    for token in (forged, "x", "x:y", link.split("/")[2][:-2] + "xx"):
        assert anonymous.get(f"/files/{token}/").status_code == 404


def test_what_is_no_picture_is_never_shown_in_the_browsers_window(anonymous, acme):
    for kind, content in (("image/svg+xml", b"<svg/>"), ("text/html", b"<script>")):
        stored = StoredFile.objects.store(Picture("x.html", content, kind))
        shown = look(anonymous, path_of(signed_link(stored.pk)))
        assert shown["Content-Type"] == "application/octet-stream"
        assert shown["Content-Disposition"].startswith("attachment")


def test_a_row_whose_content_is_gone_is_a_404(owner, anonymous, acme):
    product = lamp()
    link = path_of(put(owner, product, picture()).json()["image"])
    stored = StoredFile.objects.get()
    stored.content.storage.delete(stored.content.name)
    assert look(anonymous, link).status_code == 404


def test_what_crashes_and_deleted_products_leave_behind_is_swept_after_a_day(portal):
    tenant = portal()
    with tenant_scope(tenant):
        kept, gone = lamp(), Product.objects.create(name="G", slug="g", price=1)
        for product in (kept, gone):
            product.show_picture(encoded_anew(upload(picture())))
        gone.delete()
        StoredFile.content.field.storage.save("orphan", ContentFile(b"x"))
        assert (sweep(), len(all_names())) == (0, 3)
        StoredFile.objects.update(created_at=timezone.now() - 2 * LEFT_BEHIND)
        with time_machine.travel(timezone.now() + 2 * LEFT_BEHIND, tick=False):
            assert sweep() == 2
        assert all_names() == [StoredFile.objects.get().content.name]
        assert Product.objects.get().image_id == StoredFile.objects.get().pk


def form_of(product: Product) -> dict[str, object]:
    return {"name": product.name, "slug": product.slug, "price": "3", "attributes": "{}"}


def test_the_admin_takes_a_picture_and_shows_it(admin, acme):
    product = lamp(is_active=True)
    path = f"/admin/products/product/{product.pk}/change/"
    assert admin.post(path, form_of(product) | {"picture": upload(picture())}).status_code == 302
    product.refresh_from_db()
    assert product.image.content_type == "image/png"
    assert product.picture_url in admin.get(path).content.decode()


def test_the_admin_says_what_is_wrong_with_a_picture(admin, acme):
    product = lamp()
    path = f"/admin/products/product/{product.pk}/change/"
    answer = admin.post(path, form_of(product) | {"picture": upload(b"<svg/>", "x.svg")})
    assert "not a JPEG, PNG or WebP picture" in answer.content.decode()
    assert not StoredFile.objects.exists()


def test_the_front_page_shows_the_picture(anonymous, acme):
    product = lamp()
    product.show_picture(encoded_anew(upload(picture())))
    assert f'<img src="{product.picture_url}"' in anonymous.get("/").content.decode()


def test_a_closed_tenants_files_go_with_its_schema(portal):
    tenant = portal()
    with tenant_scope(tenant):
        lamp().show_picture(encoded_anew(upload(picture())))
    with public_scope():
        row = Tenant.objects.get(pk=tenant.id)
        row.move_to(TenantStatus.CLOSING)
        row.move_to(TenantStatus.CLOSED)
    assert close_tenants() >= 1
    with tenant_scope(tenant):
        assert all_names() == []
