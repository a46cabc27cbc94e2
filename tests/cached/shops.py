"""What tests of cached reads look at."""

import re
from typing import Any


def how(answer: Any) -> str:
    """Return how an answer was come by."""
    [(how, _took)] = re.findall(r"^cache;desc=(\w+);dur=([0-9.]+)$", answer["Server-Timing"])
    return how
