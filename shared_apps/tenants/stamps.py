"""Instances and querysets remember the scope they were made in.

A lazy queryset evaluated after its scope was left, or an instance saved in another tenant,
would silently read or write the other tenant's rows. Django offers no hook for either, so some
constructors and methods are wrapped, once, when the app is ready; third-party models and
managers are covered like our own. What is made outside any scope (the class-level queryset of
a view) has no stamp until it is used.
"""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models.base import ModelState
from django.db.models.query import QuerySet, RawQuerySet

from . import scope

_HINT = "made_in_scope"


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


def _stamping(init: Callable[..., None]) -> Callable[..., None]:
    """Wrap the constructor of a kind of queryset."""

    @wraps(init)
    def stamped(queryset: Any, *args: Any, **kwargs: Any) -> None:
        init(queryset, *args, **kwargs)
        if _HINT not in queryset._hints:
            instance = queryset._hints.get("instance")
            made_in = (
                scope.current_key() if instance is None else instance._state.__dict__.get("scope")
            )
            if made_in is not None:
                queryset._hints = {**queryset._hints, _HINT: made_in}

    return stamped


def _checking(db: Any) -> Any:
    """Wrap the ``db`` property of a kind of queryset: every evaluation asks for it."""

    def checked(queryset: Any) -> Any:
        check(queryset._hints.get(_HINT), queryset.model)
        return db.fget(queryset)

    return property(checked)


def _guarding_one(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a method of one instance that writes it."""

    @wraps(method)
    def guarded(instance: models.Model, *args: Any, **kwargs: Any) -> Any:
        check_instance(instance)
        return method(instance, *args, **kwargs)

    return guarded


def _guarding_many(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a method of a queryset that writes instances."""

    @wraps(method)
    def guarded(queryset: Any, objs: Iterable[models.Model], *args: Any, **kwargs: Any) -> Any:
        instances = list(objs)
        for instance in instances:
            check_instance(instance)
        return method(queryset, instances, *args, **kwargs)

    return guarded


def install() -> None:
    """Wrap Django's classes; called once, from the app's ``ready()``."""
    patched: Any = ModelState
    patched.__init__ = _stamp_state
    for patched in (QuerySet, RawQuerySet):
        patched.__init__ = _stamping(patched.__init__)
        patched.db = _checking(vars(patched)["db"])
    patched = QuerySet
    patched.bulk_create = _guarding_many(patched.bulk_create)
    patched.bulk_update = _guarding_many(patched.bulk_update)
    patched = models.Model
    patched.save_base = _guarding_one(patched.save_base)
    patched.delete = _guarding_one(patched.delete)
