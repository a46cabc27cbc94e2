"""The base class of every Celery task: it carries its tenant and refuses to run without.

The tenant's id travels in a message header. In the worker the task's own call looks the tenant
up, past every cache, asks the gate, and enters the scope; a task that names no tenant, an
unknown one, or one in which it may not run, is never run in public instead.
"""

import random
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import structlog
from celery.contrib.django.task import DjangoTask
from celery.exceptions import Reject

from . import scope
from .domain_map import load_tenant
from .gate import Deed, refusal
from .models import DeadTask

log = structlog.get_logger(__name__)


class ScopedTask(DjangoTask):
    """A task of one tenant; with ``platform = True``, one of the operators' side.

    ``deed`` is what the gate is asked: tasks that a user's action started, or housekeeping.
    """

    abstract = True
    platform = False
    deed = Deed.USER_TASK

    def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        """Send the task with the active tenant in its header.

        Raises:
            NoActiveTenant: a tenant's task is sent from outside one.

        """
        if not self.platform:
            headers = dict(options.pop("headers", None) or {})
            if "tenant" not in headers:
                headers["tenant"] = str(scope.active_tenant().id)
            options["headers"] = headers
        return super().apply_async(args, kwargs, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run in the scope that the message names."""
        if self.platform:
            with scope.public_scope():
                return super().__call__(*args, **kwargs)
        with scope.tenant_scope(self._tenant()):
            return super().__call__(*args, **kwargs)

    def _tenant(self) -> Any:
        named = (self.request.headers or {}).get("tenant")
        try:
            tenant = load_tenant(UUID(named))
        except (TypeError, ValueError):
            tenant = None
        why = "unknown tenant" if tenant is None else refusal(tenant, self.deed)
        if why is not None:
            reason = why if isinstance(why, str) else str(why.detail)
            log.error("task_refused", task=self.name, tenant=named, why=reason)
            self._bury(str(named or ""), reason)
            raise Reject(reason, requeue=False)
        return tenant

    def _bury(self, named: str, reason: str) -> None:
        """Keep the refused task for the operators."""
        with scope.public_scope():
            DeadTask.objects.create(
                task=self.name,
                tenant=named[:100],
                arguments=[*(self.request.args or ()), self.request.kwargs or {}],
                why=reason,
            )


def fan_out(task: Any, tenant_ids: Iterable[UUID], *, over_seconds: float = 0) -> None:
    """Send ``task`` to each tenant, at a random moment of the next ``over_seconds``.

    Spread so, a thousand tenants' housekeeping is no hourly stampede. Keep it well under the
    broker's visibility timeout: a message that waits longer is delivered twice.
    """
    for tenant_id in tenant_ids:
        task.apply_async(
            headers={"tenant": str(tenant_id)},
            countdown=random.uniform(0, over_seconds),  # noqa: S311  # no secret
        )
