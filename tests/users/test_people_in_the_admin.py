"""People and roles in the admin: nobody gives what they do not hold, the last owner stays."""

from concurrent.futures import ThreadPoolExecutor

from django.contrib.auth.models import Permission
from django.db import connection

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.users.models import Role, User
from tests.api import PASSWORD, Admin, Api


def change(admin: Admin, user: User, **form: object):
    groups = [g.pk for g in user.groups.all()]
    body = {"email": user.email, "name": user.name, "is_active": "on", "groups": groups} | form
    return admin.post(f"/admin/users/user/{user.pk}/change/", body)


def own_role(rank: int, *codenames: str) -> Role:
    role = Role.objects.create(name=f"Own {rank}", rank=rank)
    role.permissions.set(Permission.objects.filter(codename__in=codenames))
    return role


def test_roles_are_given_up_to_ones_own_rank(as_role):
    admin = as_role("admin")
    person = User.objects.create_member("new@x.example", None, role="customer")
    path = f"/admin/users/user/{person.pk}/change/"
    form = {"email": person.email, "name": "", "is_active": "on"}
    refused = admin.post(path, form | {"groups": Role.objects.get(code="owner").pk})
    assert refused.status_code == 200
    assert person.groups.get().role.code == "customer"
    assert admin.post(path, form | {"groups": Role.objects.get(code="staff").pk}).status_code == 302
    assert person.groups.get().role.code == "staff"


def test_an_admin_cannot_touch_the_owner(as_role, acme):
    owner = User.objects.get(email="owner@acme.example")
    answer = as_role("admin").post(
        f"/admin/users/user/{owner.pk}/change/", {"email": owner.email, "name": "", "groups": []}
    )
    assert answer.status_code == 403
    owner.refresh_from_db()
    assert owner.is_active


def test_nobody_is_made_a_superuser_through_the_form(admin, acme):
    person = User.objects.create_member("new@x.example", None, role="customer")
    admin.post(
        f"/admin/users/user/{person.pk}/change/",
        {"email": person.email, "name": "", "is_active": "on", "is_superuser": "on", "groups": []},
    )
    person.refresh_from_db()
    assert not person.is_superuser


def test_own_roles_can_be_made_of_what_one_holds(admin, as_role):
    page = admin.get("/admin/users/role/add/").content
    assert b'value="products.import_catalogue"' in page
    assert b"logentry" not in page
    assert b"tenants." not in page
    answer = admin.post("/admin/users/role/add/", {"name": "Buyers", "rank": 15, "permissions": []})
    assert answer.status_code == 302
    own = Role.objects.get(name="Buyers")
    assert own.pk >= 1000
    built_in = Role.objects.get(code="staff")
    body = {"name": "Hacked", "rank": 99, "permissions": []}
    assert admin.post(f"/admin/users/role/{built_in.pk}/change/", body).status_code == 403
    assert as_role("staff").get("/admin/users/role/").status_code == 403


def test_nobody_raises_a_role_to_their_own_rank_or_past_it(as_role, acme):
    admin = as_role("admin")
    role = own_role(50)
    path = f"/admin/users/role/{role.pk}/change/"
    for rank in (80, 5000):
        refused = admin.post(path, {"name": "Own", "rank": rank, "permissions": []})
        assert b"must be below your own" in refused.content
    assert Role.objects.get(pk=role.pk).rank == 50


def test_nobody_edits_a_role_they_are_in(as_role, acme):
    admin = as_role("admin")
    role = own_role(50)
    User.objects.get(email="admin@x.example").groups.add(role)
    body = {"name": "Own", "rank": 60, "permissions": []}
    assert admin.post(f"/admin/users/role/{role.pk}/change/", body).status_code == 403


def test_nobody_gives_a_role_that_holds_more_than_they_do(acme):
    people = own_role(50, "open_admin", "view_user", "change_user", "view_role")
    clerk = User.objects.create_member("hr@x.example", PASSWORD, role="customer")
    clerk.groups.add(people)
    hr = Admin(acme.primary_host, clerk)
    staff = Role.objects.get(code="staff")
    groups = [*clerk.groups.values_list("pk", flat=True), staff.pk]
    assert change(hr, clerk, groups=groups).status_code == 200
    assert not clerk.groups.filter(pk=staff.pk).exists()


def test_saving_a_person_keeps_the_roles_one_cannot_reach(as_role, acme):
    admin = as_role("admin")
    person = User.objects.create_member("p@x.example", None, role="customer")
    beyond = own_role(70, "open_admin")
    beyond.permissions.add(Permission.objects.get(codename="delete_user"))
    person.groups.add(beyond)
    assert change(admin, person, groups=[]).status_code == 302
    assert list(person.groups.values_list("pk", flat=True)) == [beyond.pk]


def test_the_last_owner_stays(admin, acme):
    owner = User.objects.get(email="owner@acme.example")
    for form in ({"groups": []}, {"is_active": ""}):
        refused = change(admin, owner, **form)
        assert b"The last owner stays" in refused.content
    owner.refresh_from_db()
    assert (owner.is_active, owner.role) == (True, "owner")
    User.objects.create_member("second@x.example", None, role="owner")
    assert change(admin, owner, groups=[]).status_code == 302


def test_of_two_owners_who_demote_each_other_at_once_one_stays(portal):
    tenant = portal()
    with tenant_scope(tenant):
        owners = [
            User.objects.get(),
            User.objects.create_member("second@x.example", PASSWORD, role="owner"),
        ]
        sessions = [Admin(tenant.primary_host, owner) for owner in owners]

    def demote(number: int) -> int:
        other = owners[1 - number]
        path = f"/admin/users/user/{other.pk}/change/"
        try:
            return (
                sessions[number]
                .post(path, {"email": other.email, "name": "", "is_active": "on", "groups": []})
                .status_code
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(demote, range(2)))
    with tenant_scope(tenant):
        assert User.objects.filter(groups__role__code="owner").count() == 1


def test_an_own_role_cannot_take_a_built_in_name(admin, acme):
    for name in ("owner", "Owner ", "ADMIN"):
        body = {"name": name, "rank": 10, "permissions": []}
        assert b"name of a built-in role" in admin.post("/admin/users/role/add/", body).content


def test_saving_a_role_keeps_what_one_could_not_give(acme):
    roles = own_role(60, "open_admin", "view_role", "change_role")
    clerk = User.objects.create_member("hr@x.example", PASSWORD, role="customer")
    clerk.groups.add(roles)
    target = own_role(20, "refund_order", "view_role")
    answer = Admin(acme.primary_host, clerk).post(
        f"/admin/users/role/{target.pk}/change/",
        {"name": "Target", "rank": 20, "permissions": ["users.change_role"]},
    )
    assert answer.status_code == 302
    held = set(target.permissions.values_list("codename", flat=True))
    assert held == {"refund_order", "change_role"}


def test_a_new_password_a_deactivation_and_other_roles_end_every_login(admin, acme):
    def signed_in() -> tuple[User, Api]:
        user = User.objects.get(email="p@x.example")
        return user, Api(acme.primary_host).signed_in("p@x.example")

    User.objects.create_member("p@x.example", PASSWORD, role="customer")
    person, api = signed_in()
    new = "another horse 8"
    path = f"/admin/users/user/{person.pk}/password/"
    form = {"usable_password": "true", "password1": new, "password2": new}
    assert admin.post(path, form).status_code == 302
    assert api.get("/api/me/").status_code == 401
    person.set_password(PASSWORD)
    person.save()
    person, api = signed_in()
    assert change(admin, person, groups=[Role.objects.get(code="staff").pk]).status_code == 302
    assert api.get("/api/me/").status_code == 401
    person, api = signed_in()
    assert change(admin, person, is_active="").status_code == 302
    assert change(admin, person).status_code == 302
    assert api.post("/api/auth/refresh/", {"refresh": api.refresh}).status_code == 401
