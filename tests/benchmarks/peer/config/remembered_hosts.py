"""The peer with each host's tenant remembered, as Freehold does: a request asks public nothing."""
from functools import lru_cache

from django_tenants.middleware.main import TenantMainMiddleware

from .settings import *  # noqa: F403


class RememberedHosts(TenantMainMiddleware):
    @lru_cache(maxsize=None)
    def get_tenant(self, domain_model, hostname):
        return super().get_tenant(domain_model, hostname)


MIDDLEWARE = ["config.remembered_hosts.RememberedHosts", *MIDDLEWARE[1:]]  # noqa: F405
