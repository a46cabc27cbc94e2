"""Real processes for tests: web server, worker, mail sink; started and ended by their ids."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from http.client import HTTPException
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def until[T](ask: Callable[[], T], seconds: float = 20, what: str = "it") -> T:
    """Return ``ask()`` as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise AssertionError(f"Waited {seconds} s for {what}.")
        time.sleep(0.05)
    return answer


@contextmanager
def process(
    *arguments: str, log: Path, without: tuple[str, ...] = (), cwd: Path = ROOT, **environment: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a process in a group of its own and end the group."""
    inherited = {name: value for name, value in os.environ.items() if name not in without}
    with log.open("ab") as output:
        running = subprocess.Popen(
            arguments,
            cwd=cwd,
            env={**inherited, **environment},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield running
    finally:
        end(running)


def end(running: "subprocess.Popen[bytes]", number: int = signal.SIGTERM) -> None:
    """Send a signal to a process's group and wait for its end."""
    if running.poll() is None:
        os.killpg(running.pid, number)
        try:
            running.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait(5)


@contextmanager
def web(port: int, log: Path, threads: int = 8, **environment: str) -> Iterator[Any]:
    """Run the web server; ready when it answers."""
    with process(
        str(BIN / "granian"),
        *("--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--blocking-threads", str(threads), "--no-access-log", "--log-level", "error"),
        "config.wsgi:application",
        log=log,
        **environment,
    ) as running:
        until(lambda: answers(port) or running.poll() is not None, 30, f"the web server ({log})")
        assert running.poll() is None, log.read_text()
        yield running


def answers(port: int) -> bool:
    """Tell whether the public host answers on ``port``."""
    try:
        return Http(port, "localhost").get("/api/plans/").status == 200
    except (OSError, HTTPException):  # a port nobody listens on may answer with the question
        return False


@contextmanager
def worker(log: Path, **environment: str) -> Iterator[Any]:
    """Run a prefork Celery worker; ready when it has said so."""
    start = log.stat().st_size if log.exists() else 0
    with process(
        str(BIN / "celery"),
        *("-A", "config", "worker", "--loglevel", "INFO", "--concurrency", "2"),
        *("--without-gossip", "--without-mingle"),
        log=log,
        LOG_LEVEL="INFO",
        **environment,
    ) as running:
        until(lambda: b" ready." in log.read_bytes()[start:], 30, f"the worker ({log})")
        yield running


class Answer:
    """A status, headers and a body."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        """Return the body's JSON."""
        return json.loads(self.body)


class Http:
    """HTTP to one host of a server on this machine."""

    def __init__(self, port: int, host: str, token: str = "") -> None:
        self.port = port
        self.host = host
        self.token = token

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        kind: str = "application/json",
        **headers: str,
    ) -> Answer:
        """Send a request; an error status is an answer like any other."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=body,
            method=method,
            headers={"Host": self.host, "Content-Type": kind, **headers}
            | ({"Authorization": f"Bearer {self.token}"} if self.token else {}),
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def get(self, path: str) -> Answer:
        """Send GET."""
        return self.request("GET", path)

    def post(self, path: str, data: Any, **headers: str) -> Answer:
        """Send POST with JSON."""
        return self.request("POST", path, json.dumps(data).encode(), **headers)

    def upload(self, path: str, name: str, content: bytes) -> Answer:
        """Send POST with one file as multipart form data."""
        mark = "----freehold"
        head = (
            f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: text/csv\r\n\r\n"
        )
        body = head.encode() + content + f"\r\n--{mark}--\r\n".encode()
        return self.request("POST", path, body, f"multipart/form-data; boundary={mark}")

    def signed_in(self, email: str, password: str) -> "Http":
        """Return this with a token."""
        answer = self.post("/api/auth/login/", {"email": email, "password": password})
        assert answer.status == 200, answer.body
        return Http(self.port, self.host, answer.json()["access"])


class Mailbox:
    """An SMTP server that keeps what it gets."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        """Keep one message."""
        self.messages.append(message_from_bytes(envelope.content))
        return "250 OK"

    def to(self, address: str, subject: str = "") -> list[Message]:
        """Return what came for ``address``."""
        return [m for m in self.messages if m["To"] == address and subject in m["Subject"]]


@contextmanager
def mailbox(port: int) -> Iterator[Mailbox]:
    """Run a mail sink on ``port``."""
    box = Mailbox()
    sink = Controller(box, hostname="127.0.0.1", port=port)
    sink.start()
    try:
        yield box
    finally:
        sink.stop()


def text_of(message: Message) -> str:
    """Return all text of a message, headers and every part."""
    parts = [str(value) for value in message.values()]
    for part in message.walk():
        if isinstance(payload := part.get_payload(decode=True), bytes):
            parts.append(payload.decode())
    return "\n".join(parts)
