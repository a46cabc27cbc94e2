"""A Redis that a test kills and starts again."""

import shutil
import signal
import socket
import subprocess
from pathlib import Path

from config.embedded import free_port, redis_server
from tests.stack.running import end, until


class MortalRedis:
    """A Redis of the test's own; it comes back where it was, on its port and folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.start()

    def start(self, *, empty: bool = False) -> None:
        """Start it, with what it held before or with nothing."""
        if empty:
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [
                *(redis_server(), "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--dir", str(self.folder), "--appendonly", "yes", "--save", ""),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until(self.answers, 10, "Redis")

    def answers(self) -> bool:
        """Tell whether it has loaded what it held."""
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", self.port)) != 0:
                return False
            probe.sendall(b"PING\r\n")
            return probe.recv(16).startswith(b"+PONG")

    def kill(self) -> None:
        """End it with signal 9."""
        end(self.process, signal.SIGKILL)

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        end(self.process)
