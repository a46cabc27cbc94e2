"""A visitor at the door: requests to the whole WSGI application, Django and what stands before."""

import json
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from django.core.handlers.wsgi import WSGIHandler

from config.at_once import AtOnce
from shared_apps.tenants.scope import no_scope


class Answer:
    """What came back; by name as Django's responses have it."""

    def __init__(self, status: str, headers: list[tuple[str, str]], content: bytes) -> None:
        self.status_code = int(status[:3])
        self.headers = dict(headers)
        assert len(self.headers) == len(headers), "a header twice"
        self.content = content

    def __getitem__(self, name: str) -> str:
        return self.headers[name]

    def json(self) -> Any:
        """Return the body."""
        return json.loads(self.content)


class Visitor:
    """Requests to one host, over TLS or not."""

    def __init__(self, host: str, scheme: str = "http") -> None:
        self.host, self.scheme = host, scheme
        self.application = AtOnce(WSGIHandler())

    def get(self, path: str, headers: dict[str, str] | None = None, **environ: str) -> Answer:
        """Send GET, from outside every scope as a server would."""
        path, _, query = path.partition("?")
        names = {f"HTTP_{name.upper().replace('-', '_')}": v for name, v in (headers or {}).items()}
        said: list[Any] = []
        asked = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "HTTP_HOST": self.host,
            "REMOTE_ADDR": "127.0.0.1",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": self.scheme,
            "wsgi.input": BytesIO(),
            **names,
            **environ,
        }
        with no_scope():
            chunks = self.application(asked, lambda *given: said.extend(given))
            content = b"".join(chunks)
            # As servers do: Django then lets go of its connections.
            getattr(chunks, "close", lambda: None)()
        return Answer(said[0], said[1], content)
