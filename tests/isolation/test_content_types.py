"""Content types and permissions: one id space in all tenants, and threads that never mix it up."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from guardian import shortcuts
from guardian.models import UserObjectPermission

from shared_apps.tenants.content_types import ScopedCache
from shared_apps.tenants.models import Tenant
from shared_apps.tenants.scope import no_scope, public_scope, tenant_scope
from tenant_apps.integrations.models import Job
from tenant_apps.products.models import Category
from tenant_apps.users.models import User

LOOKUPS, THREADS = 10_000, 16


@pytest.fixture
def two(portal):
    """Return two tenants, each with a category that its owner alone may change."""
    tenants = [portal(), portal()]
    for tenant in tenants:
        with tenant_scope(tenant):
            shelf = Category.objects.create(name=tenant.schema_name, slug="shelf")
            customer = User.objects.create_member("c@x.example", None, role="customer")
            shortcuts.assign_perm("change_category", customer, shelf)
            job = Job.objects.create(kind="x", filename=tenant.schema_name)
            shortcuts.assign_perm("view_job", customer, job)
            LogEntry.objects.create(
                user=customer,
                content_type=ContentType.objects.get_for_model(Category),
                object_id=str(shelf.pk),
                object_repr=shelf.name,
                action_flag=1,
            )
    return tenants


def look_up(tenant) -> int:
    """Ask in every way that goes through a content type; return how many answers were wrong."""
    wrong = 0
    with tenant_scope(tenant):
        customer = User.objects.get(email="c@x.example")
        shelf = Category.objects.get()
        wrong += ContentType.objects.get_for_model(Category).model != "category"
        wrong += not customer.has_perm("change_category", shelf)
        wrong += customer.has_perm("delete_category", shelf)
        seen: Any = shortcuts.get_objects_for_user(customer, "products.change_category")
        wrong += seen.get().name != tenant.schema_name
        wrong += LogEntry.objects.get().get_edited_object().name != tenant.schema_name
        wrong += UserObjectPermission.objects.get().content_object.filename != tenant.schema_name
    with public_scope():
        wrong += ContentType.objects.get_for_model(Tenant).app_label != "tenants"
    return wrong


def test_sixteen_threads_over_two_tenants_and_public_never_mix_them_up(two):
    kinds = 7

    def work(number: int) -> Counter[str]:
        found: Counter[str] = Counter()
        for turn in range(LOOKUPS // kinds // THREADS + 1):
            try:
                found["wrong"] += look_up(two[(number + turn) % 2])
            finally:
                # Back to the pool, as after a request: there are more threads than connections.
                connection.close()
            found["asked"] += kinds
        return found

    with ThreadPoolExecutor(THREADS) as pool:
        total = sum(pool.map(work, range(THREADS)), Counter())
    assert total["asked"] >= LOOKUPS
    assert total["wrong"] == 0


def test_public_and_tenants_have_caches_of_their_own(acme):
    assert isinstance(ContentType.objects._cache, ScopedCache)
    in_tenant = ContentType.objects.get_for_model(User)
    with public_scope():
        in_public = ContentType.objects.get_for_model(User)
    # The ids differ, since public has other apps: one cache for both would give a wrong one.
    assert in_tenant.pk != in_public.pk
    assert ContentType.objects.get_for_model(User).pk == in_tenant.pk


def test_without_a_scope_there_is_no_content_type(acme):
    from shared_apps.tenants.scope import NoActiveTenant

    ContentType.objects.get_for_model(Category)
    with no_scope(), pytest.raises(NoActiveTenant):
        ContentType.objects.get_for_model(Category)
