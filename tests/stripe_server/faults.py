"""What goes wrong between the caller and the server, when a test asks for it."""

import re
from dataclasses import dataclass, field
from threading import Event, Lock


@dataclass
class Fault:
    """Strikes ``times`` matching requests (None: until healed), before or after the effect."""

    kind: str  # "hang", "fail", "reset" or "answer"
    times: int | None
    method: str | None
    path: str | None
    after: bool
    seconds: float = 0
    status: int = 500
    body: bytes = b""
    healed: Event = field(default_factory=Event, init=False)

    def strikes(self, method: str, path: str) -> bool:
        return self.method in (None, method) and (
            self.path is None or re.fullmatch(self.path, path) is not None
        )

    def wait(self) -> None:
        self.healed.wait(self.seconds)


class Faults:
    def __init__(self) -> None:
        self._lock = Lock()
        self._faults: list[Fault] = []
        self._healed = Event()

    def add(self, fault: Fault) -> None:
        with self._lock:
            fault.healed = self._healed
            self._faults.append(fault)

    @property
    def pending(self) -> bool:
        """Whether a fault waits for its next request."""
        return bool(self._faults)

    def next_for(self, method: str, path: str) -> Fault | None:
        """Return the first fault that strikes this request, and count it."""
        with self._lock:
            for fault in self._faults:
                if fault.strikes(method, path):
                    if fault.times is not None:
                        fault.times -= 1
                        if not fault.times:
                            self._faults.remove(fault)
                    return fault
        return None

    def heal(self) -> None:
        """Take all faults away, and let who waits go on."""
        with self._lock:
            self._faults.clear()
            self._healed.set()
            self._healed = Event()
