"""Schemathesis over a host's OpenAPI document: over HTTP, from a process of its own."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.api import PASSWORD
from tests.stack.running import BIN, ROOT

# Named in the configuration, and so there for every host.
DICTIONARIES = (
    *("products", "pictured", "categories", "emails", "passwords", "refreshes"),
    *("people", "roles", "kinds", "deeds", "logins", "tags"),
    *("invitations", "invitation_tokens", "reset_tokens"),
    *("api_keys", "client_ids", "client_secrets"),
    *("to_cancel", "to_pay", "to_ship", "to_deliver", "to_refund"),
)
# What no example can tell, since it works here alone: the dictionary, by operation and field.
SECRETS = {
    "POST /api/auth/refresh/": {"refresh": "refreshes"},
    "POST /api/auth/token/": {"client_id": "client_ids", "client_secret": "client_secrets"},
}
CONFIG = Path(__file__).with_name("fuzzing.toml")


@dataclass(frozen=True)
class Person:
    """Somebody who signs in on a host."""

    host: str
    email: str

    def as_login(self) -> dict[str, Any]:
        """Return how they sign in, in the format of Web Fuzzing Commons."""
        return {
            "name": f"{self.email} of {self.host}",
            "loginEndpointAuth": {
                "endpoint": "/api/auth/login/",
                "verb": "POST",
                "contentType": "application/json",
                "headers": [{"name": "Host", "value": self.host}],
                "payloadRaw": json.dumps({"email": self.email, "password": PASSWORD}),
                "token": {
                    "extractFrom": "body",
                    "extractSelector": "/access",
                    "sendIn": "header",
                    "sendName": "Authorization",
                    "sendTemplate": "Bearer {token}",
                },
            },
        }


@dataclass(frozen=True, kw_only=True)
class Fuzzing:
    """What to ask of which host.

    The first of ``people`` asks; whatever they read is asked for again by the others, who must
    not get it. ``known`` are values that mean something here, by dictionary. Answers hold ``own``
    and none of ``foreign``. Whoever may not do everything need not ``must_succeed``.
    """

    port: int
    host: str
    own: str
    foreign: Sequence[str]
    people: Sequence[Person] = ()
    known: Mapping[str, Sequence[str]] = field(default_factory=dict)
    must_succeed: bool = True

    def run(
        self, folder: Path, *arguments: str, examples: int, seed: int, in_full: bool = False
    ) -> "subprocess.CompletedProcess[str]":
        """Run every phase with every check; what came of it is in ``report.json`` too.

        ``in_full`` makes examples where the documents have none, and expects each operation to
        succeed at least once.
        """
        folder.mkdir()
        return subprocess.run(
            [
                *(str(BIN / "st"), "--config-file", str(self.configure(folder, in_full)), "run"),
                *(f"http://127.0.0.1:{self.port}/api/schema/", "-H", f"Host: {self.host}"),
                *("--checks", "all", "--phases", "examples,coverage,fuzzing,stateful"),
                *("--mode", "all", "--max-examples", str(examples), "--seed", str(seed)),
                *("--generation-database", "none", "--no-color", "--output-truncate", "false"),
                *("--report", "json", "--report-json-path", str(folder / "report.json")),
                *arguments,
            ],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "SCHEMATHESIS_HOOKS": "tests.isolation.fuzzing_checks",
                "OWN_CANARY": self.own,
                "SECRETS": json.dumps(self.secrets()),
                "FOREIGN_CANARIES": " ".join(self.foreign),
                "MUST_SUCCEED": "1" if in_full and self.must_succeed else "",
            },
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def secrets(self) -> dict[str, dict[str, str]]:
        """Return the secrets that work, by operation and field."""
        return {
            operation: {field: self.known[name][0] for field, name in fields.items()}
            for operation, fields in SECRETS.items()
            if self.known
        }

    def configure(self, folder: Path, in_full: bool) -> Path:
        """Write the whole configuration and return its place."""
        parts = [CONFIG.read_text()]
        if in_full:
            parts.append("[phases.examples]\nfill-missing = true\n")
        for name in DICTIONARIES:
            values = self.known.get(name) or ["unknown"]
            parts.append(f"[dictionaries.{name}]\nvalues = {json.dumps(values)}\n")
        if self.people:
            logins = [person.as_login() for person in self.people]
            names = [login["name"] for login in logins]
            file = folder / "logins.json"
            file.write_text(json.dumps({"auth": logins}))
            parts.append(
                f"[auth.wfc]\npath = {json.dumps(str(file))}\n"
                f"user = {json.dumps(names[0])}\npeers = {json.dumps(names)}\n"
            )
        config = folder / "schemathesis.toml"
        config.write_text("\n".join(parts))
        return config
