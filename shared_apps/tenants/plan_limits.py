"""A tenant is held to its plan where rows are written: no writer can forget it, or be too fast.

Who adds to something bounded locks it, for the tenant, until the end of the transaction, and then
counts: of any number at once exactly those come in for whom there is room. Without such a bound
nothing is asked; a tenant over it (its plan was changed) keeps what it has and adds nothing.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from math import inf
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, models, transaction
from django.utils.translation import gettext as _

from shared_apps.plans.entitlements import FEATURES, in_words

from . import scope
from .links import address_of

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0)); "


class LimitReached(ValueError):
    """The plan allows no more; the text says what to do."""


class FeatureMissing(ValueError):
    """The plan has no such feature; the text says what to do."""


def require(feature: str) -> None:
    """Refuse what the tenant's plan does not have.

    Raises:
        FeatureMissing: its plan lacks ``feature``.

    """
    entitlements = scope.active_tenant().entitlements
    if not entitlements.allows(feature):
        raise FeatureMissing(
            _("The plan %(plan)s does not have this: %(feature)s. Choose another plan: %(where)s")
            % {"plan": entitlements.plan, "feature": FEATURES[feature], "where": _plans_page()}
        )


class Limited(models.Model):
    """A model of whose rows, or of the sum of a column of them, a plan allows so much."""

    limit: ClassVar[str]  # as the plans call it
    limited: ClassVar[models.Q] = models.Q()  # the rows that count
    summed: ClassVar[str] = ""  # the column that is added up; without one, rows are counted
    # Columns whose change can make an old row count, or count for more.
    limited_by: ClassVar[frozenset[str]] = frozenset()

    class Meta:
        abstract = True

    def save(self, **kwargs: Any) -> None:
        """Save, if there is room for what is added.

        Raises:
            LimitReached: there is none; nothing was written.

        """
        with held(type(self), self.weight) if self._may_add(**kwargs) else nullcontext():
            super().save(**kwargs)

    def clean(self) -> None:
        """Tell a form beforehand that there is no room."""
        super().clean()
        if self._state.adding:
            check_form(type(self))

    @property
    def weight(self) -> int:
        """What the row counts for."""
        return getattr(self, self.summed) if self.summed else 1

    def _may_add(self, update_fields: Iterable[str] | None = None, **kwargs: Any) -> bool:
        written = self.limited_by if update_fields is None else self.limited_by & {*update_fields}
        return self._state.adding or bool(written)


class LimitedQuerySet[Row: Limited](models.QuerySet[Row]):
    """Rows of a :class:`Limited` model, held to the limit when many are written at once."""

    def bulk_create(self, objs: Iterable[Row], *args: Any, **kwargs: Any) -> list[Row]:
        """Create them all, or none of them.

        Raises:
            LimitReached: there is not so much room; nothing was written.

        """
        rows = list(objs)
        with held(self.model, sum(row.weight for row in rows)):
            return super().bulk_create(rows, *args, **kwargs)

    def update(self, **kwargs: Any) -> int:
        """Update them all, or none of them.

        Raises:
            LimitReached: more would count than may; nothing was written.

        """
        with held(self.model) if self.model.limited_by & kwargs.keys() else nullcontext():
            return super().update(**kwargs)


@contextmanager
def held(model: type[Limited], adding: float = inf) -> Iterator[None]:
    """Write rows of ``model`` that count for ``adding`` more at most.

    Raises:
        LimitReached: more count now than may, and more than before; what was written is undone.

    """
    most = _most(model)
    if most is None:
        yield
        return
    with _transaction():
        before = _used(model, most, lock=True)
        if before + adding <= most:
            yield
            return
        before = used(model)
        with transaction.atomic():
            yield
            if used(model) > max(most, before):
                raise LimitReached(why_full(model))


def room_for(model: type[Limited]) -> int | None:
    """Return how much may be added to the end of this transaction; None for any amount."""
    most = _most(model)
    return None if most is None else max(0, most - _used(model, most, lock=True))


def check_room(model: type[Limited], adding: int = 1) -> None:
    """Refuse what could not be added now: early, for the asking; the write itself decides.

    Raises:
        LimitReached: there is not so much room.

    """
    most = _most(model)
    if most is not None and _used(model, most) + adding > most:
        raise LimitReached(why_full(model))


def check_form(model: type[Limited], adding: int = 1) -> None:
    """Refuse as :func:`check_room` does, in the terms of a form."""
    try:
        check_room(model, adding)
    except LimitReached as why:
        raise ValidationError(str(why), code="limit_reached") from why


def used(model: type[Limited]) -> int:
    """Return how much of what the plan bounds there is."""
    return _used(model, None)


def over_limit(model: type[Limited], there: int) -> str:
    """Return what to tell a tenant that has ``there``; empty if its plan allows so much."""
    most = _most(model)
    if most is None or there <= most:
        return ""
    return _(
        "Your plan allows %(most)s; you have %(there)s. Nothing is deleted, but nothing can be"
        " added. Remove what is not needed, or choose a larger plan: %(where)s"
    ) % {
        "most": in_words(model.limit, most),
        "there": in_words(model.limit, there),
        "where": _plans_page(),
    }


def why_full(model: type[Limited]) -> str:
    """Return what to tell whoever would add more than the plan allows."""
    return _(
        "The plan %(plan)s allows %(most)s. Remove what is not needed, or choose a larger plan:"
        " %(where)s"
    ) % {
        "plan": scope.active_tenant().entitlements.plan,
        "most": in_words(model.limit, _most(model) or 0),
        "where": _plans_page(),
    }


def _most(model: type[Limited]) -> int | None:
    active = scope.current()
    tenant = active.tenant if active else None
    return tenant.entitlements.limit(model.limit) if tenant else None


def _transaction() -> AbstractContextManager[Any]:
    return nullcontext() if connection.in_atomic_block else transaction.atomic()


def _used(model: type[Limited], most: int | None, *, lock: bool = False) -> int:
    """Count, as far as ``most``; with ``lock`` after whoever else is adding, and before they do."""
    rows = model._base_manager.filter(model.limited)
    if model.summed:
        counted, figure = rows.values(model.summed), f"coalesce(sum({model.summed}), 0)"
    else:
        counted, figure = rows.values("pk")[:most], "count(*)"
    sql, params = counted.query.sql_with_params()
    # One message of two statements: the second sees what the first waited for.
    lock_sql, key = (_LOCK, [f"{model.limit} of {scope.active_tenant().id}"]) if lock else ("", [])
    with connection.cursor() as cursor:
        cursor.execute(f"{lock_sql}SELECT {figure} FROM ({sql}) AS counted", [*key, *params])  # noqa: S608  # names of ours
        if lock:
            cursor.nextset()
        [found] = cursor.fetchone()
    return int(found)


def _plans_page() -> str:
    return f"{address_of(settings.FREEHOLD_DOMAIN)}/plans/"
