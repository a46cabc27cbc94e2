"""What a plan gives: features by name, and upper bounds. No query, and nothing of Stripe."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.template.defaultfilters import filesizeformat
from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

# What a plan may have or lack, as the plans page names it.
FEATURES: dict[str, Any] = {
    "api_keys": _("API keys for programs"),
    "own_logo": _("Your own logo"),
}
# In the order of the plans page.
LIMITS = (
    *("max_products", "max_users", "storage_bytes"),
    *("requests_per_month", "requests_per_minute", "simultaneous_requests"),
)


@dataclass(frozen=True, slots=True)
class Entitlements:
    """What a tenant may have. Without a plan: every feature, and no bounds."""

    plan: str = ""
    features: frozenset[str] = frozenset(FEATURES)
    limits: Mapping[str, int] = field(default_factory=dict)

    def allows(self, feature: str) -> bool:
        """Whether the plan has ``feature``."""
        return feature in self.features

    def limit(self, name: str) -> int | None:
        """Return the upper bound of ``name``; None where there is none."""
        return self.limits.get(name)


def in_words(limit: str, amount: int) -> str:
    """Say so much of what ``limit`` bounds, as "5,000 products", in the reader's language."""
    match limit:
        case "storage_bytes":
            return gettext("%(size)s of files") % {"size": filesizeformat(amount)}
        case "max_products":
            text = ngettext("%(shown)s product", "%(shown)s products", amount)
        case "max_users":
            text = ngettext("%(shown)s person", "%(shown)s people", amount)
        case "requests_per_month":
            text = ngettext(
                "%(shown)s API request a month", "%(shown)s API requests a month", amount
            )
        case "requests_per_minute":
            text = ngettext(
                "%(shown)s API request a minute", "%(shown)s API requests a minute", amount
            )
        case _:
            text = ngettext("%(shown)s request at once", "%(shown)s requests at once", amount)
    return text % {"shown": number_format(amount, force_grouping=True)}


def check_features(value: Any) -> None:
    """Refuse what is no list of features.

    Raises:
        ValidationError: it is none, or names an unknown one.

    """
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValidationError(_("Features are a list of names."))
    _refuse_unknown(set(value) - set(FEATURES))


def check_limits(value: Any) -> None:
    """Refuse what is no limits by name.

    Raises:
        ValidationError: it is none, names an unknown one, or one is no whole number from 0.

    """
    if not isinstance(value, dict):
        raise ValidationError(_("Limits are an object of names and numbers."))
    _refuse_unknown(set(value) - set(LIMITS))
    for name, most in value.items():
        if type(most) is not int or most < 0:
            raise ValidationError(_("%(name)s is no whole number from 0.") % {"name": name})


def _refuse_unknown(names: Iterable[str]) -> None:
    if names:
        raise ValidationError(_("Unknown: %(names)s.") % {"names": ", ".join(sorted(names))})
