"""Instances and querysets remember the scope they were made in.

A lazy queryset evaluated after its scope was left, or an instance saved in another tenant,
would silently read or write the other tenant's rows. Django offers no hook for either, so two
constructors and one property are wrapped, once, when the app is ready; third-party models and
managers are covered like our own. What is made outside any scope (the class-level queryset of
a view) has no stamp until it is used.
"""

from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models.base import ModelState
from django.db.models.query import QuerySet

from . import scope

_HINT = "made_in_scope"

_original_init = QuerySet.__init__
_original_db: Any = vars(QuerySet)["db"].fget


def check(made_in: str | None, what: Any) -> None:
    """Refuse to use ``what`` outside the scope it was made in.

    Raises:
        WrongScope: another scope is active, or none.

    """
    if made_in is None or made_in == scope.current_key():
        return
    # Content types have the same ids in every tenant; their process-wide cache is shared.
    if what is ContentType or isinstance(what, ContentType):
        return
    name = what.__name__ if isinstance(what, type) else type(what).__name__
    raise scope.WrongScope(
        f"{name} was made in the scope {made_in!r} and used in {scope.current_key()!r}."
    )


def check_instance(instance: models.Model) -> None:
    """Refuse an instance made in another scope (:func:`check`)."""
    check(instance._state.__dict__.get("scope"), instance)


def _stamp_state(state: ModelState) -> None:
    state.scope = scope.current_key()  # type: ignore[attr-defined]  # the stamp is ours


def _stamped_init(
    queryset: Any,
    model: Any = None,
    query: Any = None,
    using: Any = None,
    hints: Any = None,
) -> None:
    _original_init(queryset, model, query, using, hints)
    if _HINT not in queryset._hints:
        instance = queryset._hints.get("instance")
        stamp = scope.current_key() if instance is None else instance._state.__dict__.get("scope")
        if stamp is not None:
            queryset._hints = {**queryset._hints, _HINT: stamp}


def _checked_db(queryset: Any) -> Any:
    check(queryset._hints.get(_HINT), queryset.model)
    return _original_db(queryset)


def install() -> None:
    """Wrap Django's constructors; called once, from the app's ``ready()``."""
    ModelState.__init__ = _stamp_state  # type: ignore[method-assign,assignment]
    QuerySet.__init__ = _stamped_init  # type: ignore[method-assign,assignment]
    QuerySet.db = property(_checked_db)  # type: ignore[assignment]
