"""The HTTP side: keys, idempotency, faults, and the answer's form."""

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import orjson
import stripe

from .errors import Refused, of_status
from .faults import Fault, Faults
from .parameters import decoded
from .routing import prepared
from .state import NOBODY, State

KEPT_SECONDS = 24 * 3600


@dataclass
class Request:
    """What came, and the status of the answer (None: there was none)."""

    id: str
    method: str
    path: str
    params: dict[str, Any]
    headers: dict[str, str]
    idempotency_key: str | None
    status: int | None = None
    replayed: bool = False


@dataclass
class Answer:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Kept:
    """The first request with an idempotency key; without an answer while it is in flight."""

    asked: tuple[str, str, str]
    at: int
    request: str
    answer: Answer | None = None


class NoAnswer(Exception):
    """The connection is reset in the middle of this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("reset")
        self.answer = answer


class Desk:
    """Takes requests and answers them."""

    def __init__(self, state: State, faults: Faults, api_key: str) -> None:
        self.state, self.faults, self.api_key = state, faults, api_key
        self.requests: list[Request] = []
        self.mistakes: list[Exception] = []
        self._kept: dict[str, Kept] = {}

    def answer(self, request: Request, text: str) -> Answer:
        try:
            if request.headers.get("authorization") != f"Bearer {self.api_key}":
                raise of_status(401)
            key = request.idempotency_key if request.method == "POST" else None
            if key is None:
                return self._executed(request, text, lambda answer: None)
            return self._once(request, text, key)
        except Refused as error:
            return refusal(error)

    def _once(self, request: Request, text: str, key: str) -> Answer:
        asked = (request.method, request.path, text)
        with self.state.lock:
            kept = self._kept.get(key)
            if kept and self.state.now - kept.at > KEPT_SECONDS:
                kept = None
            if kept is None:
                kept = self._kept[key] = Kept(asked, self.state.now, request.id)
            elif kept.asked != asked:
                text = (
                    "Keys for idempotent requests can only be used with the same parameters they "
                    f"were first used with. Try using a key other than '{key}'."
                )
                raise Refused(400, text, type="idempotency_error")
            elif kept.answer is None:
                text = f"There is currently another in-progress request using the key '{key}'."
                raise Refused(409, text, type="idempotency_error", code="idempotency_key_in_use")
            else:
                request.replayed = True
                replay = {"Idempotent-Replayed": "true", "Original-Request": kept.request}
                return Answer(kept.answer.status, kept.answer.body, replay)

        def keep(answer: Answer) -> None:
            kept.answer = answer

        try:
            return self._executed(request, text, keep)
        finally:
            with self.state.lock:
                if kept.answer is None:  # nothing was executed: the key is free
                    self._kept.pop(key, None)

    def _executed(self, request: Request, text: str, keep: Callable[[Answer], None]) -> Answer:
        fault = self.faults.next_for(request.method, request.path)
        if fault and fault.kind == "answer":
            return Answer(200, fault.body)
        if fault and not fault.after:
            self._strike(fault, Answer(500, refusal(of_status(500)).body))
        execute = prepared(request.method, request.path, text)
        with self.state.lock:
            self.state.request = {"id": request.id, "idempotency_key": request.idempotency_key}
            try:
                answer = Answer(200, orjson.dumps(execute(self.state)))
            except Refused as error:
                answer = refusal(error)
            finally:
                self.state.request = NOBODY
            if fault and fault.after and fault.kind == "fail":
                answer = refusal(of_status(fault.status))
                fault = None
            if answer.status != 429:
                keep(answer)
        if fault and fault.after:
            self._strike(fault, answer)
        return answer

    def _strike(self, fault: Fault, answer: Answer) -> None:
        if fault.kind == "hang":
            fault.wait()
        elif fault.kind == "fail":
            raise of_status(fault.status)
        else:
            raise NoAnswer(answer)


def refusal(error: Refused) -> Answer:
    return Answer(error.status, orjson.dumps(error.body))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: "Listener"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        pass

    def _serve(self) -> None:
        desk = self.server.desk
        where = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length).decode() if length else where.query
        headers = {name.lower(): value for name, value in self.headers.items()}
        with desk.state.lock:
            id_ = desk.state.new_id("req_", 14)
        request = Request(
            id_,
            self.command,
            where.path,
            {},
            headers,
            headers.get("idempotency-key"),
        )
        desk.requests.append(request)
        try:
            request.params = decoded(text)
            answer = desk.answer(request, text)
        except Refused as error:
            answer = refusal(error)
        except NoAnswer as lost:
            self._reset(lost.answer)
            return
        except Exception as error:  # the server's own mistake, raised when it is left
            desk.mistakes.append(error)
            answer = refusal(Refused(500, repr(error), type="api_error"))
        request.status = answer.status
        self._send(request, answer)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - http.server's names

    def _send(self, request: Request, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Request-Id", request.id)
        self.send_header("Stripe-Version", stripe.api_version)
        if request.idempotency_key:
            self.send_header("Idempotency-Key", request.idempotency_key)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def _reset(self, answer: Answer) -> None:
        """Send half of the answer, then reset the connection."""
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body[: len(answer.body) // 2])
        self.wfile.flush()
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, desk: Desk) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.desk = desk

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is no error of the server's."""
