"""Roles over the API: nobody gives or takes what they do not hold, or outranks them."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import Permission
from django.db import connection

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.users.built_in_roles import BUILT_IN_ROLES, GRANTABLE
from tenant_apps.users.models import Role, User
from tenant_apps.users.roles.giving import codes_of
from tests.api import PASSWORD, Api, code, count_queries


def role(name: str) -> Role:
    return Role.objects.get(code=name)


def own_role(rank: int, *codes: str) -> Role:
    made = Role.objects.create(name=f"Own {rank}", rank=rank)
    names = {c.partition(".")[2] for c in codes}
    made.permissions.set(Permission.objects.filter(codename__in=names))
    return made


def person(name: str, *roles: Role) -> User:
    made = User.objects.create_member(f"{name}@x.example", PASSWORD, role="customer")
    made.groups.set(roles)
    return made


def make(api: Api, **body: object):
    return api.post("/api/roles/", {"name": "Buyers", "rank": 20, "permissions": []} | body)


def path_of(one: Role, more: str = "") -> str:
    return f"/api/roles/{one.uuid}/{more}"


def test_roles_are_listed_with_what_they_hold(owner, acme):
    answer = owner.get("/api/roles/").json()["results"]
    assert [r["code"] for r in answer] == list(BUILT_IN_ROLES)
    staff = next(r for r in answer if r["code"] == "staff")
    assert staff["permissions"] == sorted(BUILT_IN_ROLES["staff"][3])
    assert (staff["rank"], staff["is_built_in"], staff["members_count"]) == (40, True, 0)


def test_a_role_of_ones_own_is_made_changed_and_deleted(owner, acme):
    answer = make(owner, permissions=["products.view_product", "orders.view_order"])
    assert answer.status_code == 201, answer.content
    made = Role.objects.get(uuid=answer.json()["id"])
    assert codes_of(made) == {"products.view_product", "orders.view_order"}
    answer = owner.patch(path_of(made), {"name": "Purchasing", "permissions": []})
    assert (answer.status_code, answer.json()["permissions"]) == (200, [])
    made.refresh_from_db()
    assert (made.name, made.rank) == ("Purchasing", 20)
    assert owner.delete(path_of(made)).status_code == 204
    assert not Role.objects.filter(pk=made.pk).exists()


def test_changing_the_name_leaves_the_permissions(owner, acme):
    made = own_role(20, "products.view_product")
    assert owner.patch(path_of(made), {"name": "Other"}).status_code == 200
    assert codes_of(made) == {"products.view_product"}


def test_a_role_is_copied(owner, acme):
    answer = owner.post(path_of(role("staff"), "copy/"), {"name": "Interns"})
    assert answer.status_code == 201, answer.content
    copied = Role.objects.get(name="Interns")
    assert codes_of(copied) == set(BUILT_IN_ROLES["staff"][3])
    assert (copied.rank, copied.is_built_in) == (40, False)


def test_what_is_beyond_ones_reach_is_refused_and_changes_nothing(member, acme):
    admin = member("admin")
    low = own_role(20, "products.view_product")
    high = own_role(80)
    before = Role.objects.count()
    refusals = [
        make(admin, rank=80),
        make(admin, rank=100),
        make(admin, name="oWNER"),
        admin.patch(path_of(low), {"rank": 80}),
        admin.patch(path_of(high), {"name": "Mine"}),
        admin.patch(path_of(role("customer")), {"name": "Mine"}),
        admin.delete(path_of(role("customer"))),
        admin.delete(path_of(high)),
    ]
    assert {(r.status_code, code(r)) for r in refusals} == {(403, "beyond_reach")}
    assert Role.objects.count() == before
    low.refresh_from_db()
    assert (low.name, low.rank) == ("Own 20", 20)


def test_nobody_gives_or_takes_a_permission_they_do_not_hold(acme):
    clerk_role = own_role(60, "users.view_role", "users.add_role", "users.change_role")
    clerk = Api(acme.primary_host).signed_in(person("clerk", clerk_role).email)
    refused = make(clerk, permissions=["products.view_product"])
    assert (refused.status_code, code(refused)) == (403, "beyond_reach")
    assert "Products: view" in refused.json()["errors"][0]["detail"]
    holding = own_role(20, "products.view_product")
    refused = clerk.patch(path_of(holding), {"permissions": []})
    assert (refused.status_code, code(refused)) == (403, "beyond_reach")
    assert codes_of(holding) == {"products.view_product"}
    refused = clerk.post(path_of(role("staff"), "copy/"), {"name": "Mine"})
    assert (refused.status_code, code(refused)) == (403, "beyond_reach")
    assert make(clerk, permissions=["users.view_role"]).status_code == 201


def test_nobody_raises_their_own_role(acme):
    mine = own_role(60, "users.view_role", "users.change_role")
    clerk = Api(acme.primary_host).signed_in(person("clerk", mine, role("admin")).email)
    refused = clerk.patch(path_of(mine), {"permissions": ["products.view_product"]})
    assert (refused.status_code, code(refused)) == (403, "beyond_reach")
    assert "a role they are in" in refused.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    "wanted", ["tenants.change_tenant", "auth.change_permission", "billing.add_subscription", "x"]
)
def test_no_permission_of_a_shared_app_is_offered_or_accepted(owner, acme, wanted):
    offered = {p["code"] for p in owner.get("/api/permissions/").json()}
    assert offered == GRANTABLE
    assert wanted not in offered
    answer = make(owner, permissions=[wanted])
    assert (answer.status_code, code(answer)) == (400, "invalid_choice")


def test_members_are_added_and_removed_all_or_none(owner, acme):
    made = own_role(20)
    ann, bob = person("ann"), person("bob", made)
    path = path_of(made, "members/")
    assert owner.patch(path, {"add": [str(ann.pk)], "remove": [str(bob.pk)]}).status_code == 204
    listed = owner.get(path).json()["results"]
    assert [(p["email"], p["roles"]) for p in listed] == [("ann@x.example", ["Own 20"])]
    me = User.objects.get(email="owner@acme.example")
    refused = owner.patch(path, {"add": [str(bob.pk), str(me.pk)]})
    assert (refused.status_code, code(refused)) == (403, "beyond_reach")
    assert not bob.groups.exists()


def test_members_are_changed_by_those_who_manage_people_alone(acme):
    looking = own_role(60, "users.view_role")
    clerk = Api(acme.primary_host).signed_in(person("clerk", looking).email)
    made, ann = own_role(20), person("ann")
    path = path_of(made, "members/")
    assert clerk.get(path).status_code == 200
    assert clerk.patch(path, {"add": [str(ann.pk)]}).status_code == 403
    assert not ann.groups.exists()
    looking.permissions.add(Permission.objects.get(codename="change_user"))
    assert clerk.patch(path, {"add": [str(ann.pk)]}).status_code == 204


def test_a_role_is_given_within_reach_only(member, acme):
    admin = member("admin")
    ann = person("ann", role("customer"))
    path = f"/api/users/{ann.pk}/roles/"

    def put(*roles: Role):
        return admin.request("put", path, {"roles": [str(r.uuid) for r in roles]})

    assert put(role("staff")).json()["roles"] == ["Staff"]
    refused = put(role("owner"))
    assert (refused.status_code, code(refused)) == (403, "beyond_reach")
    assert [g.name for g in ann.groups.all()] == ["Staff"]
    boss = User.objects.get(email="owner@acme.example")
    refused = admin.request("put", f"/api/users/{boss.pk}/roles/", {"roles": []})
    assert (refused.status_code, code(refused)) == (403, "beyond_reach")
    refused = admin.patch(f"/api/users/{boss.pk}/", {"is_active": False})
    assert (refused.status_code, code(refused)) == (403, "beyond_reach")


def test_another_role_is_effective_on_the_next_request_and_ends_logins(owner, member, acme):
    staff = member("staff")
    person_id = User.objects.get(email="staff@acme.example").pk
    body = {"name": "Lamp", "slug": "lamp", "price": "1.00"}
    assert staff.post("/api/products/", body).status_code == 201
    put = {"roles": [str(role("customer").uuid)]}
    assert owner.request("put", f"/api/users/{person_id}/roles/", put).status_code == 200
    assert staff.get("/api/me/").status_code == 401
    again = Api(acme.primary_host).signed_in("staff@acme.example")
    assert again.post("/api/products/", body | {"slug": "l2"}).status_code == 403


def test_a_changed_role_is_effective_on_the_next_request(owner, acme):
    made = own_role(20, "products.add_product")
    buyer = Api(acme.primary_host).signed_in(person("buyer", made).email)
    body = {"name": "Lamp", "price": "1.00"}
    assert buyer.post("/api/products/", body | {"slug": "a"}).status_code == 201
    assert owner.patch(path_of(made), {"permissions": []}).status_code == 200
    assert buyer.post("/api/products/", body | {"slug": "b"}).status_code == 403


def test_the_last_owner_stays(owner, acme):
    me = User.objects.get(email="owner@acme.example")
    answer = owner.request("put", f"/api/users/{me.pk}/roles/", {"roles": []})
    assert (answer.status_code, code(answer)) == (409, "last_owner")
    answer = owner.patch(f"/api/users/{me.pk}/", {"is_active": False})
    assert (answer.status_code, code(answer)) == (409, "last_owner")
    me.refresh_from_db()
    assert me.is_active
    assert me.role == "owner"


def test_two_owners_who_demote_each_other_at_once_leave_one(portal):
    tenant = portal()
    with tenant_scope(tenant):
        first = User.objects.get()
        first.set_password(PASSWORD)
        first.save()
        second = User.objects.create_member("two@x.example", PASSWORD, role="owner")
    apis = [Api(tenant.primary_host).signed_in(u.email) for u in (first, second)]

    def demote(pair: tuple[Api, User]) -> int:
        api, other = pair
        try:
            return api.request("put", f"/api/users/{other.pk}/roles/", {"roles": []}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        statuses = sorted(pool.map(demote, [(apis[0], second), (apis[1], first)]))
    assert statuses[0] == 200
    assert statuses[1] in (401, 403, 409)
    with tenant_scope(tenant):
        assert User.objects.filter(groups__role__code="owner").count() == 1


def test_a_deactivated_person_is_out_at_once_and_can_be_let_in_again(owner, member, acme):
    staff = member("staff")
    path = f"/api/users/{User.objects.get(email='staff@acme.example').pk}/"
    assert owner.patch(path, {"is_active": False, "name": "Gone"}).json()["is_active"] is False
    assert staff.get("/api/me/").status_code == 401
    login = {"email": "staff@acme.example", "password": PASSWORD}
    assert staff.post("/api/auth/login/", login).status_code == 401
    assert owner.patch(path, {"is_active": True}).status_code == 200
    assert staff.post("/api/auth/login/", login).status_code == 200


def test_why_names_the_role_or_what_is_missing(owner, acme):
    ann = person("ann", role("staff"))
    path = f"/api/users/{ann.pk}/why/"
    answer = owner.get(path, {"permission": "products.change_product"}).json()
    assert answer["allowed"] is True
    assert [(r["kind"], r["name"]) for r in answer["reasons"]] == [("role", "Staff")]
    answer = owner.get(path, {"permission": "orders.refund_order"}).json()
    assert (answer["allowed"], answer["reasons"]) == (False, [])
    assert "Orders: refund" in answer["missing"]
    ann.is_active = False
    ann.save()
    assert "deactivated" in owner.get(path, {"permission": "orders.view_order"}).json()["missing"]
    assert owner.get(path, {"permission": "tenants.view_tenant"}).status_code == 400


def test_lists_cost_the_same_for_one_row_and_for_many(owner, acme):
    person("p0", own_role(15))
    few = [count_queries(lambda p=p: owner.get(p)) for p in ("/api/roles/", "/api/users/")]
    for number in range(12):
        person(f"q{number}", own_role(16 + number, "products.view_product"))
    many = [count_queries(lambda p=p: owner.get(p)) for p in ("/api/roles/", "/api/users/")]
    assert few == many
