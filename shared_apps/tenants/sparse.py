"""``?fields=id,name``: answers with the fields that are asked for, and no work for the others."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.request import Request

from .lists import refuse

FIELDS = "fields"


class SparseAnswers:
    """View mixin: ``fields`` names what lists and details answer with; without it, all."""

    # Those that answer with the view's own serializer.
    sparse_actions = frozenset({"list", "retrieve"})
    _asked: frozenset[str] | None = None

    @property
    def may_be_sparse(self) -> bool:
        """Whether what is asked for takes ``fields``."""
        return getattr(self, "action", None) in self.sparse_actions

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let DRF decide who may ask; then read what for.

        Raises:
            ValidationError: there is no such field.

        """
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        if self.may_be_sparse and FIELDS in request.query_params:
            asked = frozenset(",".join(request.query_params.getlist(FIELDS)).split(","))
            known = self._known()
            if not asked <= set(known):
                raise refuse(FIELDS, _("One or more of: %(names)s.") % {"names": ", ".join(known)})
            self._asked = asked

    def shows(self, *names: str) -> bool:
        """Tell whether one of the fields is in the answer, so that a query for it is of use."""
        return self._asked is None or not self._asked.isdisjoint(names)

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        """Return the serializer, without the fields that were not asked for."""
        serializer = super().get_serializer(*args, **kwargs)  # type: ignore[misc]
        if self._asked is not None:
            fields = getattr(serializer, "child", serializer).fields
            for name in [name for name in fields if name not in self._asked]:
                del fields[name]
        return serializer

    @property
    def fields_form(self) -> str:
        """Return what ``fields`` may be, as a regular expression."""
        one = f"(?:{'|'.join(self._known())})"
        return f"{one}(?:,{one})*"

    def _known(self) -> list[str]:
        serializer: Any = self.get_serializer_class()  # type: ignore[attr-defined]  # the view's
        return list(serializer.Meta.fields)
