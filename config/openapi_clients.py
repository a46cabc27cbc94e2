"""What generators of clients need to be told beside what is true: names."""

import re
from typing import Any

_VERBS = {
    "create": "create",
    "retrieve": "read",
    "update": "replace",
    "partial_update": "change",
    "destroy": "delete",
}


def operation_name(action: str, path: str) -> str:
    """Name what a viewset does at ``path``: ``list_products``, ``change_role``, ``pay_order``."""
    *_, before, last = re.findall(r"/(\w+)", path.replace("-", "_"))
    if action == "list":
        return f"list_{last}"
    return f"{_VERBS[action]}_{_one(last)}" if action in _VERBS else f"{last}_{_one(before)}"


def _one(nouns: str) -> str:
    return re.sub("ies$", "y", nouns).removesuffix("s")


def name_time_zones(result: Any, generator: Any, request: Any, public: bool) -> Any:
    """Name the constants of time zones (a hook): left to generators, GMT+1 and GMT-1 are one."""
    if zones := result["components"]["schemas"].get("TimeZoneEnum"):
        zones["x-enum-varnames"] = [_constant(zone) for zone in zones["enum"]]
    return result


def _constant(zone: str) -> str:
    return re.sub(r"\W", "_", zone.replace("+", "_PLUS_").replace("-", "_MINUS_")).upper()
