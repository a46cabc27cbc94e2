"""The cache: keys carry the tenant, and outside a scope there is no cache."""

import json

import pytest
import redis
from django.conf import settings
from django.core.cache import cache

from shared_apps.tenants.cache import make_key, reverse_key
from shared_apps.tenants.domain_map import DomainMap, load_tenant
from shared_apps.tenants.models import Tenant
from shared_apps.tenants.scope import (
    NoActiveTenant,
    no_scope,
    owner_scope,
    public_scope,
    tenant_scope,
)
from tenant_apps.users.models import User
from tests.api import PASSWORD, Admin
from tests.stack.running import until


def raw() -> redis.Redis:
    return redis.Redis.from_url(settings.CACHE_URL)


def test_one_tenants_entry_is_none_of_anothers(acme, globex):
    cache.set("key", {"of": "acme"})
    with tenant_scope(globex):
        assert cache.get("key") is None
        cache.set("key", {"of": "globex"})
    with public_scope():
        assert cache.get("key") is None
    assert cache.get("key") == {"of": "acme"}


@pytest.mark.parametrize(
    "use", [lambda: cache.get("k"), lambda: cache.set("k", 1), lambda: cache.delete("k")]
)
def test_outside_a_tenant_and_public_there_is_none(acme, use):
    with no_scope(), pytest.raises(NoActiveTenant, match="the cache needs a tenant"):
        use()
    with owner_scope(acme.schema_name), pytest.raises(NoActiveTenant):
        use()


def test_the_key_begins_with_the_tenants_id_and_the_value_is_json(acme):
    cache.set("plain", {"a": [1, "b"]})
    assert json.loads(raw().get(f"{acme.id}:{acme.cache_generation}:1:plain")) == {"a": [1, "b"]}


def test_broker_and_cache_are_separate_databases():
    assert settings.BROKER_URL != settings.CACHE_URL
    assert settings.BROKER_URL.rpartition("/")[2] != settings.CACHE_URL.rpartition("/")[2]


def test_clearing_one_tenants_cache_leaves_the_others(portal):
    mine, other = portal(), portal()
    for tenant in (mine, other):
        with tenant_scope(tenant):
            cache.set("key", "old")
    with public_scope():
        Tenant.objects.get(pk=mine.id).clear_cache()
    with tenant_scope(load_tenant(mine.id)):
        assert cache.get("key") is None
        cache.set("key", "new")
        assert cache.get("key") == "new"
    with tenant_scope(load_tenant(other.id)):
        assert cache.get("key") == "old"


def test_a_cleared_generation_never_comes_back(public):
    tenant = Tenant.objects.first()
    seen = {tenant.cache_generation}
    for _ in range(20):
        tenant.clear_cache()
        seen.add(tenant.cache_generation)
    assert len(seen) == 21


def test_every_process_asks_for_the_new_generation_within_a_second(portal):
    tenant, seen = portal(), DomainMap()
    before = seen.tenant_for(tenant.primary_host).cache_generation
    with public_scope():
        Tenant.objects.get(pk=tenant.id).clear_cache()
    until(
        lambda: seen.tenant_for(tenant.primary_host).cache_generation != before, 1, "the domain map"
    )


def test_an_operator_clears_it_in_the_admin(portal):
    tenant = portal()
    with public_scope():
        operator = User.objects.create_operator("cache@operators.example", PASSWORD)
        admin = Admin("localhost", operator)
    chosen = {"action": "clear_caches", "_selected_action": [str(tenant.id)]}
    assert admin.post("/admin/tenants/tenant/", chosen).status_code == 302
    assert load_tenant(tenant.id).cache_generation != tenant.cache_generation


def test_a_key_is_found_back_in_the_redis_key(acme):
    assert reverse_key(make_key("a:b", "", 1)) == "a:b"
