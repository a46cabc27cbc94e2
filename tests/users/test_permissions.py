"""What a person may do: what Django's backend finds, read in one statement."""

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission

from shared_apps.tenants.scope import WrongScope, tenant_scope
from tenant_apps.users.models import Role, User
from tests.api import PASSWORD, count_queries


def all_of() -> set[str]:
    rows = Permission.objects.values_list("content_type__app_label", "codename")
    return {f"{app}.{name}" for app, name in rows}


def person(*roles: str, own: str = "", **values: object) -> User:
    user = User.objects.create_with_roles(
        "ann@x.example", PASSWORD, roles=Role.objects.filter(code__in=roles), **values
    )
    user.user_permissions.set(Permission.objects.filter(codename=own))
    return user


@pytest.mark.parametrize(
    ("roles", "own"),
    [
        ((), ""),
        (("customer",), ""),
        (("staff",), "change_user"),
        (("staff", "customer"), ""),
        ((), "change_product"),
    ],
)
def test_a_person_may_do_what_they_or_their_roles_have(acme, roles, own):
    user = person(*roles, own=own)
    same = User.objects.get(pk=user.pk)
    known = ModelBackend().get_all_permissions(same)
    assert bool(known) == bool("staff" in roles or own)
    assert {name for name in all_of() if user.has_perm(name)} == known


def test_whoever_is_not_active_may_do_nothing(acme):
    user = person("owner", own="change_product", is_active=False)
    assert not any(map(user.has_perm, all_of()))


def test_a_role_that_was_given_counts_from_the_next_reading_on(acme):
    user = person()
    assert not user.has_perm("products.change_product")
    user.groups.add(Role.objects.get(code="staff"))
    assert User.objects.get(pk=user.pk).has_perm("products.change_product")


def test_all_is_read_at_once(acme):
    user = person("staff")
    assert count_queries(lambda: [user.has_perm(name) for name in sorted(all_of())]) == 2


def test_a_person_of_one_tenant_is_not_asked_about_in_another(acme, globex):
    user = person("owner")
    with tenant_scope(globex), pytest.raises(WrongScope):
        user.has_perm("products.change_product")
