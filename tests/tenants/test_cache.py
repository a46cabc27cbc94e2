"""The cache: keys carry the tenant, and outside a scope there is no cache."""

import json

import pytest
import redis
from django.conf import settings
from django.core.cache import cache

from shared_apps.tenants.scope import (
    NoActiveTenant,
    no_scope,
    owner_scope,
    public_scope,
    tenant_scope,
)


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
    with no_scope(), pytest.raises(NoActiveTenant):
        use()
    with owner_scope(acme.schema_name), pytest.raises(NoActiveTenant):
        use()


def test_the_key_begins_with_the_tenants_id_and_the_value_is_json(acme):
    cache.set("plain", {"a": [1, "b"]})
    assert json.loads(raw().get(f"{acme.id}:1:plain")) == {"a": [1, "b"]}


def test_broker_and_cache_are_separate_databases():
    assert settings.BROKER_URL != settings.CACHE_URL
    assert settings.BROKER_URL.rpartition("/")[2] != settings.CACHE_URL.rpartition("/")[2]
