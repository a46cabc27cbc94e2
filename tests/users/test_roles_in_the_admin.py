"""Roles and grants in the admin: the matrix, copies, and grants on pages of objects and roles."""

from django.contrib.auth.models import Permission

from tenant_apps.products.models import Category, Product
from tenant_apps.users.models import Role, User
from tenant_apps.users.roles.giving import codes_of
from tenant_apps.users.roles.objects import grants_on, person_grants
from tests.api import PASSWORD, Admin


def own_role(name: str = "Buyers", rank: int = 20, *codenames: str) -> Role:
    role = Role.objects.create(name=name, rank=rank)
    role.permissions.set(Permission.objects.filter(codename__in=codenames))
    return role


def path_of(one) -> str:
    return f"/admin/{one._meta.app_label}/{one._meta.model_name}/{one.pk}/change/"


def clerk(acme, *codenames: str) -> Admin:
    """Return the admin of a person who holds just this."""
    user = User.objects.create_member("clerk@x.example", PASSWORD, role="customer")
    user.groups.add(own_role("Clerks", 60, "open_admin", *codenames))
    return Admin(acme.primary_host, user)


def granting(name: str, number: int, **fields: object) -> dict[str, object]:
    """Return what a form says that adds a grant."""
    rows = {f"{name}-{number}-{field}": value for field, value in fields.items()}
    return {f"{name}-TOTAL_FORMS": number + 1} | rows


def permission(codename: str) -> int:
    return Permission.objects.get(codename=codename).pk


def test_the_matrix_shows_what_a_role_may_do_and_changes_it(admin, acme):
    role = own_role("Buyers", 20, "view_product")
    page = admin.get(path_of(role)).content.decode()
    assert 'aria-label="Products: view" checked' in page
    assert 'aria-label="Products: change">' in page
    body = {"name": "Buyers", "rank": 20, "permissions": ["products.change_product"]}
    assert admin.post(path_of(role), body).status_code == 302
    assert codes_of(role) == {"products.change_product"}


def test_what_one_does_not_hold_is_shown_and_cannot_be_ticked(acme):
    admin = clerk(acme, "view_role", "change_role", "view_order")
    role = own_role("Buyers", 20, "view_product")
    page = admin.get(path_of(role)).content.decode()
    assert 'aria-label="Products: view" checked disabled' in page
    assert 'aria-label="Orders: view">' in page
    body = {"name": "Buyers", "rank": 20, "permissions": ["products.delete_product"]}
    assert admin.post(path_of(role), body).status_code == 302
    assert codes_of(role) == {"products.view_product"}


def test_a_built_in_role_is_shown_in_words(admin, acme):
    page = admin.get(path_of(Role.objects.get(code="staff"))).content.decode()
    assert "Products: change" in page
    assert "checkbox" not in page.split("What it may do")[1][:400]


def test_a_role_is_copied_by_an_action(admin, acme):
    staff = Role.objects.get(code="staff")
    chosen = {"action": "copy", "_selected_action": [staff.pk]}
    for name in ("Staff (copy)", "Staff (copy 2)"):
        assert admin.post("/admin/users/role/", chosen).status_code == 302
        assert codes_of(Role.objects.get(name=name)) == codes_of(staff)


def test_a_copy_of_what_one_does_not_hold_is_refused(acme):
    admin = clerk(acme, "view_role", "add_role")
    chosen = {"action": "copy", "_selected_action": [Role.objects.get(code="staff").pk]}
    assert admin.post("/admin/users/role/", chosen).status_code == 302
    assert "You cannot give or take what you do not hold" in str(
        admin.get("/admin/users/role/").content
    )
    assert not Role.objects.filter(name="Staff (copy)").exists()


def test_a_role_is_deleted_by_whoever_holds_what_it_holds(admin, acme):
    role = own_role("Buyers", 20, "view_product")
    path = path_of(role).replace("change", "delete")
    assert clerk(acme, "view_role", "delete_role").post(path, {"post": "yes"}).status_code == 403
    assert admin.post(path, {"post": "yes"}).status_code == 302
    assert not Role.objects.filter(pk=role.pk).exists()


def test_a_grant_is_given_and_taken_on_the_objects_page(admin, acme):
    shelf, role = Category.objects.create(name="S", slug="s"), own_role()
    form = {"name": "S", "slug": "s"}
    name = "categoryrolegrant_set"
    given = granting(name, 0, group=role.pk, permission=permission("view_category"))
    assert admin.post(path_of(shelf), form | given).status_code == 302
    assert grants_on(shelf) == [{"permission": "view_category", "person": None, "role": role.uuid}]
    grant = shelf.categoryrolegrant_set.get()
    gone = {
        f"{name}-0-id": grant.pk,
        f"{name}-0-content_object": shelf.pk,
        f"{name}-0-DELETE": "on",
    }
    assert admin.post(path_of(shelf), form | gone).status_code == 302
    assert grants_on(shelf) == []


def test_a_grant_is_given_on_the_roles_page(admin, acme):
    shelf, role = Category.objects.create(name="S", slug="s"), own_role()
    form = {"name": role.name, "rank": 20, "permissions": []}
    given = granting(
        "categoryrolegrant_set", 0, content_object=shelf.pk, permission=permission("view_category")
    )
    assert admin.post(path_of(role), form | given).status_code == 302
    assert [g["role"] for g in grants_on(shelf)] == [role.uuid]


def test_nobody_grants_what_they_may_not_do_themselves(acme):
    admin = clerk(acme, "change_user", "view_category", "change_category")
    shelf, role = Category.objects.create(name="S", slug="s"), own_role("High", 70)
    form = {"name": "S", "slug": "s"}
    name = "categoryrolegrant_set"
    given = granting(name, 0, group=role.pk, permission=permission("view_category"))
    assert (
        b"You can neither give to nor take from" in admin.post(path_of(shelf), form | given).content
    )
    me = User.objects.get(email="clerk@x.example")
    to_me = granting(
        "categorypersongrant_set", 0, user=me.pk, permission=permission("view_category")
    )
    assert (
        b"You can neither give to nor take from" in admin.post(path_of(shelf), form | to_me).content
    )
    assert grants_on(shelf) == []


def test_a_person_with_a_grant_sees_that_row_alone_in_the_admin(acme):
    admin = clerk(acme)
    shelf = Category.objects.create(name="Tools", slug="tools")
    Category.objects.create(name="Toys", slug="toys")
    mine = Product.objects.create(name="Saw", slug="saw", price=1, category=shelf)
    other = Product.objects.create(name="Doll", slug="doll", price=1)
    assert admin.get("/admin/products/product/").status_code == 403
    me = User.objects.get(email="clerk@x.example")
    person_grants(Category).create(
        user=me, content_object=shelf, permission_id=permission("change_category")
    )
    listed = admin.get("/admin/products/product/").content.decode()
    assert "Saw" in listed
    assert "Doll" not in listed
    assert admin.get(path_of(mine)).status_code == 200
    assert admin.get(path_of(other)).status_code == 302
    offered = admin.get(
        "/admin/autocomplete/?app_label=products&model_name=product&field_name=category"
    )
    assert [row["text"] for row in offered.json()["results"]] == ["Tools"]
