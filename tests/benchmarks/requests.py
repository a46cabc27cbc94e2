"""Requests a second against the peer: the same rows, server and PostgreSQL, in turn, medians."""

import json
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg

from config.embedded import free_port
from shared_apps.plans.models import Plan
from shared_apps.tenants.scope import public_scope, tenant_scope
from tenant_apps.products.models import Category, Product
from tenant_apps.users.models import CatalogueReaders, PortalSettings
from tests.benchmarks.figures import Figure
from tests.benchmarks.grants import open_portal
from tests.stack.running import BIN, ROOT, Http, process, until

PEER = ROOT / "tests/benchmarks/peer"
PRODUCTS, SHELVES = 500, 10
TURNS, SECONDS, THREADS = 5, 2, 4
MILLISECONDS = {"us": 0.001, "ms": 1, "s": 1000}
UNLIMITED = {"requests_per_minute": 10**9, "simultaneous_requests": 10**6}


class Server:
    """A running server: a host of it and the headers that each request has."""

    pid = 0

    def __init__(self, port: int, host: str, **headers: str) -> None:
        self.port, self.host, self.headers = port, host, headers

    def get(self, path: str) -> "object":
        """Return the answer to one request."""
        return Http(self.port, self.host).request("GET", path, **self.headers)

    def signed_in(self, **credentials: str) -> "Server":
        """Return this with a token in its headers."""
        answer = Http(self.port, self.host).post("/api/auth/login/", credentials, **self.headers)
        assert answer.status == 200, answer.body
        authorization = f"Bearer {answer.json()['access']}"
        return Server(self.port, self.host, **self.headers, Authorization=authorization)

    def requests_a_second(self, path: str, *options: str, **headers: str) -> float:
        """Return how many it answers; ``options`` are wrk's."""
        said = self.load(path, *options, **headers)
        [rate] = re.findall(r"Requests/sec:\s+([0-9.]+)", said)
        return float(rate)

    def latencies(self, path: str) -> tuple[float, float]:
        """Return the median and the 99th percentile in milliseconds."""
        said = self.load(path, "--latency")
        found = [re.findall(rf"\b{n}%\s+([0-9.]+)(us|ms|s)\b", said) for n in (50, 99)]
        median, slow = (float(number) * MILLISECONDS[unit] for [(number, unit)] in found)
        return median, slow

    def load(self, path: str, *options: str, **headers: str) -> str:
        """Send as many requests as it answers, all successfully; return what wrk says."""
        command = ["wrk", "-t1", f"-c{THREADS}", f"-d{SECONDS}", *options]
        for name, value in {"Host": self.host, **self.headers, **headers}.items():
            command += ["-H", f"{name}: {value}"]
        done = subprocess.run(
            [*command, f"http://127.0.0.1:{self.port}{path}"],
            check=True,
            capture_output=True,
            text=True,
        )
        assert "Non-2xx" not in done.stdout, done.stdout
        return done.stdout


def measure(folder: Path) -> list[Figure]:
    """Measure, both sides in turn."""
    with ExitStack() as stack:
        warm, cold = (
            stack.enter_context(ours(folder / name, CACHED_QUERIES=switch))
            for name, switch in (("warm", "on"), ("cold", "off"))
        )
        peer = stack.enter_context(stock(folder / "peer"))
        rows = json.loads(peer.get("/api/products/").body)
        peers_one = f"/api/products/{rows['results'][0]['id']}/"
        rows = json.loads(warm.get("/api/products/").body)
        one = f"/api/products/{rows['results'][0]['id']}/"
        tag = warm.get("/api/products/").headers["ETag"]
        work = {
            "peer list": lambda: peer.requests_a_second("/api/products/"),
            "peer detail": lambda: peer.requests_a_second(peers_one),
            "list": lambda: warm.requests_a_second("/api/products/"),
            "304": lambda: warm.requests_a_second("/api/products/", **{"If-None-Match": tag}),
            "detail": lambda: warm.requests_a_second(one),
            "cold list": lambda: cold.requests_a_second("/api/products/"),
            "cold detail": lambda: cold.requests_a_second(one),
        }
        found: dict[str, list[float]] = {name: [] for name in work}
        for _ in range(TURNS):
            for name, each in work.items():
                found[name].append(each())
    rate = {name: statistics.median(each) for name, each in found.items()}
    figures = [Figure(f"requests a second: {name}", rate[name], "/s") for name in work]
    for name, beside, target in (
        ("list", "peer list", 10),
        ("304", "peer list", 12),
        ("cold list", "peer list", 2),
        ("detail", "peer detail", 10),
        ("cold detail", "peer detail", 2),
    ):
        ratio = rate[name] / rate[beside]
        figures.append(Figure(f"{name} against the {beside}", ratio, "x", at_least=target))
    return figures


@contextmanager
def ours(log: Path, **environment: str) -> Iterator[Server]:
    """Run our server as in production, with a portal of so many products that anyone reads."""
    host = filled_portal()
    port = free_port()
    with _granian(port, log, ROOT, **production() | environment) as running:
        server = Server(port, host, **{"X-Forwarded-Proto": "https"})
        server.pid = running.pid
        until(lambda: _responds(server), 20, f"our server ({log})")
        yield server


def production() -> dict[str, str]:
    """Return the environment of a real installation, everything switched on."""
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "DJANGO_SECRET_KEY": "-".join("abcdefghijklmnopqrstuvwxyz" * 3),
        "JWT_MASTER_KEYS": "1:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=",
        "FREEHOLD_DOMAIN": "localhost",
        "BEHIND_TLS_PROXY": "true",
        "LIMIT_GENERAL": "1000000000/minute",
        "EMAIL_URL": "smtp://127.0.0.1:1",
        "FILES_URL": os.environ.get("FILES_URL", "file:///nonexistent"),
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "INFO",
    }


def filled_portal(name: str = "bench-requests") -> str:
    """Return the host of a portal with the products of the peer's seed; made once."""
    host = f"{name}.localhost"
    with public_scope():
        for plan in Plan.objects.all():
            plan.limits |= UNLIMITED
            plan.save()
    if name in _FILLED:
        return host
    _FILLED.add(name)
    with tenant_scope(open_portal(name)):
        settings = PortalSettings.objects.get()
        settings.catalogue_readers = CatalogueReaders.ANYONE
        settings.store()
        shelves = Category.objects.bulk_create(
            Category(name=f"Cat {n}", slug=f"cat-{n}") for n in range(SHELVES)
        )
        Product.objects.bulk_create(
            Product(
                name=f"Product {n}",
                slug=f"product-{n}",
                price=n % 90 + 1,
                stock=10**6,
                category=shelves[n % SHELVES],
                attributes={"color": ["red", "green", "blue"][n % 3], "size": n % 7},
                tags=["a", "b"],
                description="Lorem ipsum " * 5,
            )
            for n in range(PRODUCTS)
        )
    return host


_FILLED: set[str] = set()


@contextmanager
def stock(log: Path, tenants: int = 2, tenancy: str = "1") -> Iterator[Server]:
    """Run the peer's server."""
    place = psycopg.conninfo.make_conninfo(host=_socket(), user="postgres")
    name = f"peer{tenancy}"
    environment = {
        "PEER_PGHOST": _socket(),
        "PEER_DB": name,
        "PEER_TENANCY": tenancy,
        "PEER_REDIS": os.environ["REDIS_URL"] + "/7",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    with psycopg.connect(f"{place} dbname=postgres", autocommit=True) as raw:
        raw.execute(f"DROP DATABASE IF EXISTS {name}")
        raw.execute(f"CREATE DATABASE {name}")
    shared = (["manage.py", "migrate_schemas", "--shared"], ["seed.py", str(tenants)])
    single = (["manage.py", "migrate"], ["seed.py"])
    for command in shared if tenancy == "1" else single:
        subprocess.run(
            [sys.executable, *command],
            cwd=PEER,
            env=os.environ | environment,
            check=True,
            capture_output=True,
        )
    port = free_port()
    with _granian(port, log, PEER, **environment):
        server = Server(port, "t1.localhost")
        until(lambda: _responds(server), 20, f"the peer ({log})")
        yield server


def _socket() -> str:
    [folder] = parse_qs(urlsplit(os.environ["DATABASE_URL"]).query)["host"]
    return folder


def _granian(port: int, log: Path, folder: Path, **environment: str):
    return process(
        *(str(BIN / "granian"), "--interface", "wsgi", "--host", "127.0.0.1"),
        *("--port", str(port), "--workers", "1", "--blocking-threads", str(THREADS)),
        *("--no-access-log", "--log-level", "error", "config.wsgi:application"),
        log=log,
        cwd=folder,
        **environment,
    )


def _responds(server: Server) -> bool:
    try:
        return server.get("/api/products/").status == 200
    except OSError:
        return False
