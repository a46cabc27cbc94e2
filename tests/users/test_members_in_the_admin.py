"""A role's members in the admin: listed, many added and removed at once, by the rules."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import Permission
from django.db import connection

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.users.models import Role, User
from tenant_apps.users.roles.giving import change_members
from tests.api import PASSWORD, Admin, Api, count_queries


def role(code: str) -> Role:
    return Role.objects.get(code=code)


def path_of(one: Role) -> str:
    return f"/admin/users/role/{one.pk}/members/"


def people(number: int, code: str = "customer") -> list[User]:
    return [
        User.objects.create_member(f"{code}{n}@x.example", None, role=code) for n in range(number)
    ]


def members(one: Role) -> set[str]:
    return set(User.objects.filter(groups=one).values_list("email", flat=True))


def change(admin: Admin, one: Role, add=(), remove=()):
    keys = {"add": [str(u.pk) for u in add], "remove": [str(u.pk) for u in remove]}
    return admin.post(path_of(one), keys)


def clerk(acme, *codenames: str, rank: int = 60) -> Admin:
    """Return the admin of a person who holds just this."""
    user = User.objects.create_member("clerk@x.example", PASSWORD, role="customer")
    own = Role.objects.create(name="Clerks", rank=rank)
    own.permissions.set(Permission.objects.filter(codename__in=["open_admin", *codenames]))
    user.groups.add(own)
    return Admin(acme.primary_host, user)


def test_many_join_and_leave_a_built_in_role_at_once(admin, acme):
    staff, before, joining = role("staff"), people(2, "staff"), people(3)
    page = admin.get(path_of(staff)).content.decode()
    assert "staff0@x.example" in page
    assert "customer0@x.example" not in page
    assert (
        f'href="{path_of(staff)}"'
        in admin.get(f"/admin/users/role/{staff.pk}/change/").content.decode()
    )
    assert change(admin, staff, add=joining, remove=before).status_code == 302
    assert members(staff) == {u.email for u in joining}
    assert "3 added, 2 removed." in admin.get(path_of(staff)).content.decode()
    assert members(role("customer")) >= {u.email for u in joining}, "their other roles stay"


def test_whose_roles_changed_is_signed_out(admin, acme):
    [ann] = people(1)
    ann.set_password(PASSWORD)
    ann.save()
    api = Api(acme.primary_host).signed_in(ann.email)
    assert change(admin, role("staff"), add=[ann]).status_code == 302
    assert api.get("/api/me/").status_code == 401


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("owner", "You can neither give nor take: Owner."),
        ("Own 70", "You can neither give nor take: Own 70."),
        ("More", "You can neither give nor take: More."),
    ],
)
def test_what_is_beyond_ones_reach_is_refused_and_nobody_joins(acme, given, why):
    hr = clerk(acme, "view_role", "view_user", "change_user")
    Role.objects.create(name="Own 70", rank=70)
    more = Role.objects.create(name="More", rank=20)
    more.permissions.set(Permission.objects.filter(codename="refund_order"))
    wanted = Role.objects.get(name__iexact=given)
    before, asked = members(wanted), people(2)
    page = change(hr, wanted, add=asked)
    assert page.status_code == 200
    assert why in page.content.decode()
    assert f'<option value="{asked[0].pk}" selected>' in page.content.decode(), "to try again"
    assert members(wanted) == before


def test_of_many_one_who_outranks_stops_all(acme):
    hr, low = clerk(acme, "view_role", "view_user", "change_user"), role("customer")
    owner, asked = User.objects.get(email="owner@acme.example"), people(2, "staff")
    page = change(hr, low, add=[*asked, owner])
    assert "owner@acme.example outranks you." in page.content.decode()
    assert not members(low) & {u.email for u in asked}


def test_nobody_gives_themselves_a_role_and_the_last_owner_stays(admin, acme):
    owner = User.objects.get(email="owner@acme.example")
    assert (
        "Nobody gives themselves a role."
        in change(admin, role("staff"), add=[owner]).content.decode()
    )
    page = change(admin, role("owner"), remove=[owner])
    assert "The last owner stays" in page.content.decode()
    assert members(role("owner")) == {owner.email}


def test_who_may_look_at_roles_sees_members_and_cannot_change_them(acme):
    looking, [ann] = clerk(acme, "view_role"), people(1)
    page = looking.get(path_of(role("customer"))).content.decode()
    assert ann.email in page
    assert 'type="checkbox"' not in page
    assert change(looking, role("customer"), remove=[ann]).status_code == 403
    assert ann.email in members(role("customer"))


def test_who_may_not_look_at_roles_gets_nothing(as_role):
    assert as_role("staff").get(path_of(role("customer"))).status_code == 403


def test_a_role_that_is_not_there_is_not_found(admin):
    for key in ("999999", "x"):
        assert admin.get(f"/admin/users/role/{key}/members/").status_code == 404


def test_a_neighbours_people_are_unknown(admin, acme, globex):
    with tenant_scope(globex):
        theirs = User.objects.get()
    for keys in ({"add": [theirs]}, {"remove": [theirs]}):
        page = change(admin, role("staff"), **keys)
        assert page.status_code == 200
        assert "is not one of the available choices" in page.content.decode()
    assert admin.post(path_of(role("staff")), {"add": "x"}).status_code == 200
    assert members(role("staff")) == set()


def test_saved_twice_it_is_done_once(admin, acme):
    [ann] = people(1, "staff")
    for _ in range(2):
        assert change(admin, role("staff"), remove=[ann]).status_code == 302
    assert members(role("staff")) == set()


def test_two_who_give_somebody_a_role_each_both_succeed(portal):
    tenant = portal()
    with tenant_scope(tenant):
        acting = User.objects.get()
        [ann] = people(1)
        given = [Role.objects.get(code=code) for code in ("staff", "customer", "manager")]

    def give(one):
        with tenant_scope(tenant):
            try:
                owner, person = (User.objects.get(pk=who.pk) for who in (acting, ann))
                change_members(acting=owner, role=one, add=[person])
            finally:
                connection.close()

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(give, given))
    with tenant_scope(tenant):
        assert set(Role.objects.filter(user=ann)) == set(given)


def test_a_long_list_comes_in_pages_of_as_many_queries(admin, acme):
    staff = role("staff")
    people(2, "staff")
    few = count_queries(lambda: admin.get(path_of(staff)))
    User.objects.bulk_create([User(email=f"m{n:02}@x.example") for n in range(70)])
    staff.user_set.add(*User.objects.filter(email__startswith="m"))
    assert count_queries(lambda: admin.get(path_of(staff))) == few
    first = admin.get(path_of(staff)).content.decode()
    assert "Page 1 of 2" in first
    assert "m49@x.example" in first
    assert "m50@x.example" not in first
    assert "m50@x.example" in admin.get(f"{path_of(staff)}?p=2").content.decode()
