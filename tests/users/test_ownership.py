"""Handing a portal over: one becomes owner, the other admin, and there is always an owner."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connection

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.users.models import User
from tenant_apps.users.roles.giving import BeyondReach, set_active
from tenant_apps.users.roles.ownership import make_owner
from tests.api import PASSWORD, Api, code


def hand_over(api: Api, to: object, password: str = PASSWORD):
    return api.post(f"/api/users/{to}/make-owner/", {"password": password})


def owners() -> list[str]:
    return sorted(User.objects.filter(groups__role__code="owner").values_list("email", flat=True))


def person(name: str = "staff", role: str = "staff") -> User:
    return User.objects.create_member(f"{name}@acme.example", PASSWORD, role=role)


def test_the_other_becomes_owner_and_the_caller_admin(owner, anonymous, acme):
    staff = person()
    theirs = anonymous.signed_in(staff.email)
    answer = hand_over(owner, staff.pk)
    assert answer.status_code == 204, answer.content
    assert owners() == ["staff@acme.example"]
    assert User.objects.get(email="owner@acme.example").role == "admin"
    # Tokens carry the role: both sign in again.
    assert (owner.get("/api/me/").status_code, theirs.get("/api/me/").status_code) == (401, 401)
    again = anonymous.signed_in("owner@acme.example")
    assert hand_over(again, staff.pk).status_code == 403
    me = User.objects.get(email="owner@acme.example")
    assert hand_over(anonymous.signed_in(staff.email), me.pk).status_code == 204
    assert owners() == ["owner@acme.example"]


def test_it_takes_the_owners_password(owner, acme):
    staff = person()
    refused = hand_over(owner, staff.pk, "wrong")
    assert (refused.status_code, code(refused)) == (400, "wrong_password")
    assert owners() == ["owner@acme.example"]


def test_nobody_but_an_owner_hands_a_portal_over(member, acme):
    admin = member("admin")
    assert hand_over(admin, person().pk).status_code == 403
    with pytest.raises(BeyondReach):
        make_owner(acting=User.objects.get(email="admin@acme.example"), user=person("b"))
    assert owners() == ["owner@acme.example"]


def test_it_goes_to_another_active_person_of_the_portal_only(owner, globex):
    gone = person("gone")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    me = User.objects.get(email="owner@acme.example")
    for target in (gone, me):
        refused = hand_over(owner, target.pk)
        assert (refused.status_code, code(refused)) == (403, "beyond_reach")
    with tenant_scope(globex):
        theirs = User.objects.get().pk
    for target in (theirs, uuid4()):
        assert hand_over(owner, target).status_code == 404
    assert owners() == ["owner@acme.example"]


def test_of_several_handed_over_to_at_once_one_becomes_owner(portal):
    tenant = portal()
    with tenant_scope(tenant):
        heirs = [person(f"heir{n}") for n in range(6)]
        owner_id = User.objects.get(groups__role__code="owner").pk

    def one(heir: User) -> bool:
        try:
            with tenant_scope(tenant):
                make_owner(acting=User.objects.get(pk=owner_id), user=User.objects.get(pk=heir.pk))
            return True
        except BeyondReach:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(one, heirs)) == [False] * 5 + [True]
    with tenant_scope(tenant):
        assert len(owners()) == 1


def test_an_heir_who_is_deactivated_at_that_moment_leaves_an_owner(portal):
    for _ in range(5):
        tenant = portal()
        with tenant_scope(tenant):
            heir = person("heir", "admin")
            owner, second = User.objects.get(groups__role__code="owner"), person("b", "admin")

        def run(deed, owner=owner, heir=heir, second=second, tenant=tenant) -> None:
            try:
                with tenant_scope(tenant):
                    acting, user = User.objects.get(pk=owner.pk), User.objects.get(pk=heir.pk)
                    if deed == "hand over":
                        make_owner(acting=acting, user=user)
                    else:
                        admin = User.objects.get(pk=second.pk)
                        set_active(acting=admin, user=user, is_active=False)
            except BeyondReach:
                pass
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(run, ["hand over", "deactivate"]))
        with tenant_scope(tenant):
            assert User.objects.filter(groups__role__code="owner", is_active=True).exists()
