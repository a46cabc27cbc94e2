"""Tasks carry their tenant, and do not run without one they may run in."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis
from celery import current_app
from celery.exceptions import Reject
from django.conf import settings
from django.utils import timezone

from shared_apps.tenants.models import DeadTask, Tenant, TenantStatus
from shared_apps.tenants.scope import NoActiveTenant, current_key, public_scope, tenant_scope
from shared_apps.tenants.tasks import fan_out
from tenant_apps.files.tasks import sweep_all_files
from tenant_apps.integrations.tasks import (
    run_job,
    sweep_every_outbox,
    sweep_outbox,
    sweep_outboxes,
)


def call(task, tenant: object, *args: object):
    """Call a task as the worker does, with a message that names ``tenant``."""
    named = {} if tenant is None else {"tenant": tenant}
    task.push_request(args=args, **named)
    try:
        return task(*args)
    finally:
        task.pop_request()


@pytest.fixture
def seen(monkeypatch) -> list[str | None]:
    keys: list[str | None] = []
    monkeypatch.setattr("tenant_apps.integrations.outbox.sweep", lambda: keys.append(current_key()))
    return keys


def test_a_task_runs_in_the_tenant_its_message_names(portal, seen):
    tenant = portal()
    call(sweep_outbox, str(tenant.id))
    assert seen == [f"tenant:{tenant.id}"]
    assert current_key() is None


@pytest.mark.parametrize("named", [None, "", "public", "acme", str(UUID(int=7))])
def test_a_task_that_names_no_tenant_or_an_unknown_one_never_runs(committed, seen, named):
    with public_scope():
        DeadTask.objects.all().delete()
    with pytest.raises(Reject, match="'unknown tenant', False"):
        call(sweep_outbox, named)
    assert seen == []
    with public_scope():
        [dead] = DeadTask.objects.all()
    assert (dead.task, dead.tenant) == ("integrations.sweep_outbox", named or "")
    assert dead.why == "unknown tenant"


def test_a_refused_task_is_kept_with_what_it_was_given(committed, lines):
    named = "nobody's " * 20
    with public_scope():
        DeadTask.objects.all().delete()
    run_job.push_request(headers={"tenant": named}, args=["given"], kwargs={"by": "name"})
    try:
        with pytest.raises(Reject):
            run_job()
    finally:
        run_job.pop_request()
    with public_scope():
        [dead] = DeadTask.objects.all()
    assert (dead.task, dead.tenant) == ("integrations.run_job", named[:100])
    assert dead.arguments == ["given", {"by": "name"}]
    [line] = [line for line in lines() if line["event"] == "task_refused"]
    assert (line["task"], line["tenant"]) == ("integrations.run_job", named)
    assert line["why"] == "unknown tenant"


@pytest.mark.parametrize(
    ("status", "housekeeping", "user_task"),
    [("active", True, True), ("suspended", True, False), ("closed", False, False)],
)
def test_the_gate_decides_by_the_tenants_status(portal, seen, status, housekeeping, user_task):
    tenant = portal()
    with public_scope():
        Tenant.objects.get(pk=tenant.id).change(status=status)
    for task, allowed, args in (
        (sweep_outbox, housekeeping, ()),
        (run_job, user_task, (str(uuid4()),)),
    ):
        if allowed:
            call(task, str(tenant.id), *args)
        else:
            with pytest.raises(Reject):
                call(task, str(tenant.id), *args)
            with public_scope():
                why = DeadTask.objects.filter(tenant=tenant.id).latest("pk").why
            assert why in ("This portal is suspended.", "There is no portal at this address.")
    with public_scope():
        Tenant.objects.get(pk=tenant.id).change(status=TenantStatus.CLOSED)


def test_a_tenants_task_cannot_be_sent_from_outside_a_tenant(committed):
    with pytest.raises(NoActiveTenant):
        run_job.delay("x")
    with public_scope(), pytest.raises(NoActiveTenant):
        run_job.delay("x")


def test_a_platform_task_runs_in_public(committed, monkeypatch):
    keys: list[str | None] = []
    monkeypatch.setattr(
        "shared_apps.tenants.sweeping.marked_tenants", lambda: keys.append(current_key()) or []
    )
    call(sweep_outboxes, None)
    assert keys == ["public"]


@pytest.mark.parametrize("platform", [True, False])
def test_a_task_gets_what_it_was_sent_with(portal, platform):
    @current_app.task(name="tests.echo", platform=platform)
    def echo(*args, **kwargs):
        return args, kwargs

    echo.push_request(tenant=str(portal().id))
    try:
        assert echo(1, by="name") == ((1,), {"by": "name"})
    finally:
        echo.pop_request()
        current_app.tasks.unregister("tests.echo")


def test_every_task_of_ours_is_a_scoped_one():
    from shared_apps.tenants.tasks import ScopedTask

    current_app.loader.import_default_modules()
    ours = [t for name, t in current_app.tasks.items() if not name.startswith("celery.")]
    assert len(ours) >= 5
    assert all(isinstance(task, ScopedTask) for task in ours)


def test_a_suspended_tenants_jobs_wait_without_a_loop(portal, monkeypatch):
    from shared_apps.tenants import sweeping
    from tenant_apps.integrations.models import Job, OutboxEntry

    tenant = portal()
    with tenant_scope(tenant):
        OutboxEntry.objects.all().delete()
        Job.objects.create(kind="catalogue_import")
    with public_scope():
        Tenant.objects.get(pk=tenant.id).move_to(TenantStatus.SUSPENDED)
    sweeping.marked_tenants()
    call(sweep_outbox, str(tenant.id))
    assert tenant.id not in sweeping.marked_tenants()


def sent() -> list[dict[str, Any]]:
    """Return the headers of what waits at the broker, and take it away."""
    broker = redis.Redis.from_url(settings.BROKER_URL)
    waiting = broker.lrange("celery", 0, -1)
    broker.delete("celery")
    return [json.loads(message)["headers"] for message in waiting]


def test_a_message_names_the_tenant_and_keeps_what_it_was_given(portal):
    tenant = portal()
    sent()
    with tenant_scope(tenant):
        run_job.apply_async(("by place",), headers={"kept": "header"})
        run_job.apply_async(kwargs={"job_id": "by name"})
        run_job.apply_async(("elsewhere",), headers={"tenant": "another"})
    given = {(m["argsrepr"], m["kwargsrepr"]): (m["tenant"], m.get("kept")) for m in sent()}
    assert given == {
        ("('by place',)", "{}"): (str(tenant.id), "header"),
        ("()", "{'job_id': 'by name'}"): (str(tenant.id), None),
        ("('elsewhere',)", "{}"): ("another", None),
    }


def test_tasks_for_marked_tenants_are_not_held_back(portal):
    tenant = portal()
    sent()
    fan_out(sweep_outbox, [tenant.id])
    [message] = sent()
    assert (message["tenant"], message["eta"]) == (str(tenant.id), None)


@pytest.mark.parametrize(
    ("task", "name"),
    [
        (sweep_every_outbox, "integrations.sweep_outbox"),
        (sweep_all_files, "files.sweep"),
    ],
)
def test_a_task_for_every_tenant_is_spread_over_a_while(portal, settings, task, name):
    tenants = {str(portal().id) for _ in range(8)}
    settings.FAN_OUT_SECONDS = 600
    sent()
    call(task, None)
    messages = [m for m in sent() if m["task"] == name]
    assert tenants <= {m["tenant"] for m in messages}
    waits = [(datetime.fromisoformat(m["eta"]) - timezone.now()).total_seconds() for m in messages]
    assert all(-5 <= wait <= 600 for wait in waits)
    assert max(waits) - min(waits) > 60
    assert len(set(waits)) == len(waits)


def test_no_suspended_tenant_is_among_them(portal):
    tenant = portal()
    with public_scope():
        Tenant.objects.get(pk=tenant.id).move_to(TenantStatus.SUSPENDED)
    sent()
    call(sweep_every_outbox, None)
    assert str(tenant.id) not in {m["tenant"] for m in sent()}


def test_every_scheduled_task_is_there():
    named = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert named <= set(current_app.tasks)
