"""What is recorded of itself, and what a verb records that goes round ``save()``."""

from collections.abc import Iterable
from typing import Any

from auditlog.registry import auditlog
from django.db.models import Model

from .models import Change


def track(
    model: type[Model], *, without: Iterable[str] = (), relations: Iterable[str] = ()
) -> None:
    """Record each ``save()`` and ``delete()`` of ``model``, and changes of its ``relations``.

    Every column counts but the key, the times that the row keeps itself, and ``without``.
    """
    left_out = {*without, model._meta.pk.name}
    columns = [
        field.name
        for field in model._meta.concrete_fields
        if field.name not in left_out
        and not field.primary_key
        and not getattr(field, "auto_now", False)
        and not getattr(field, "auto_now_add", False)
    ]
    auditlog.register(model, include_fields=columns, m2m_fields=set(relations))


def record(instance: Model, **changes: tuple[Any, Any]) -> None:
    """Write an entry of ``instance``: of each field the old value and the new.

    For verbs that write with ``update()``; call it in the transaction of the change.
    """
    Change.objects.log_create(
        instance,
        action=Change.Action.UPDATE,
        changes={name: [_plain(old), _plain(new)] for name, (old, new) in changes.items()},
    )


def _plain(value: Any) -> Any:
    return value if isinstance(value, None | bool | int | float | str | list | dict) else str(value)
