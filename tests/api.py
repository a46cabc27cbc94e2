"""A portal's API over Django's test client, as JSON."""

import re
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from shared_apps.tenants.scope import no_scope

PASSWORD = "correct horse 9"
BACKEND = "django.contrib.auth.backends.ModelBackend"


class Api:
    """Requests to one host; ``signed_in`` returns a copy with a token."""

    def __init__(self, host: str, token: str = "") -> None:
        self.host = host
        self.client = Client(headers={"host": host})
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.token = token
        self.refresh = ""

    def signed_in(self, email: str, password: str = PASSWORD) -> "Api":
        """Return this API with a token of ``email``."""
        answer = self.post("/api/auth/login/", {"email": email, "password": password})
        assert answer.status_code == 200, answer.content
        signed_in = Api(self.host, answer.json()["access"])
        signed_in.refresh = answer.json()["refresh"]
        return signed_in

    def request(self, method: str, path: str, data: Any = None, **kwargs: Any) -> Any:
        """Send a request, from outside every scope as a server would."""
        kwargs.setdefault("headers", self.headers)
        if data is not None:
            kwargs.setdefault("content_type", "application/json")
        with no_scope():
            return getattr(self.client, method)(path, data, **kwargs)

    def get(self, path: str, data: Any = None, **kwargs: Any) -> Any:
        """Send GET, ``data`` as the query string."""
        with no_scope():
            return self.client.get(
                path, data, headers=self.headers | kwargs.pop("headers", {}), **kwargs
            )

    def post(self, path: str, data: Any = None, **kwargs: Any) -> Any:
        """Send POST with a JSON body."""
        return self.request("post", path, {} if data is None else data, **kwargs)

    def patch(self, path: str, data: Any, **kwargs: Any) -> Any:
        """Send PATCH with a JSON body."""
        return self.request("patch", path, data, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> Any:
        """Send DELETE."""
        return self.request("delete", path, **kwargs)


class Admin:
    """A person's session in an admin."""

    def __init__(self, host: str, user: Any) -> None:
        self.client = Client(headers={"host": host})
        self.client.force_login(user, BACKEND)
        self.get("/")  # as after signing in through the page: the session has its login

    def get(self, path: str):
        with no_scope():
            return self.client.get(path)

    def post(self, path: str, data: dict[str, object]):
        """Send a form; on a page with inlines, with what their hidden inputs say."""
        hidden: dict[str, object] = {}
        if path.endswith(("/change/", "/add/")):
            page = self.get(path).content.decode()
            hidden = dict(re.findall(r'name="(\S+-(?:TOTAL|INITIAL)_FORMS)" value="(\d+)"', page))
        with no_scope():
            return self.client.post(path, hidden | data)


def code(answer: Any) -> str:
    """Return the code of an answer's first error."""
    return str(answer.json()["errors"][0]["code"])


def count_queries(work: Callable[[], object]) -> int:
    """Return how many statements ``work`` sends, the domain map's own now and then left out."""
    with CaptureQueriesContext(connection) as captured:
        work()
    return sum('FROM "tenants_' not in query["sql"] for query in captured)
