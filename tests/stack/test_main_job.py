"""The main job, from outside: the stack as `make run` starts it, two companies, one order."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.embedded import free_port
from tests.scratch import scratch_folder
from tests.stack.running import ROOT, Http, answers, end, mailbox, process, text_of, until

PASSWORD = "correct horse 9"
CATALOGUE = ROOT / "deploy" / "demo" / "globex.csv"


@pytest.fixture(scope="module")
def folder():
    import shutil

    path = scratch_folder("stack")
    yield path
    shutil.rmtree(path, ignore_errors=True)


def make_run(folder: Path, port: int, mail_port: int):
    """Start the stack as `make run` does, on a data folder and services of its own."""
    return process(
        *(sys.executable, "-m", "config.stack"),
        log=folder / "log",
        without=("DATABASE_URL", "OWNER_DATABASE_URL", "REDIS_URL", "PG_DUMP"),
        FREEHOLD_DATA=str(folder / "data"),
        DJANGO_SETTINGS_MODULE="config.settings.development",
        PORT=str(port),
        EMAIL_URL=f"smtp://127.0.0.1:{mail_port}",
    )


def children_of(pid: int) -> list[str]:
    """Return the command lines of every process that came of ``pid``."""
    import psutil

    return [" ".join(child.cmdline()) for child in psutil.Process(pid).children(recursive=True)]


def test_two_companies_sign_up_and_one_sells_to_its_customer(folder):
    port, mail_port = free_port(), free_port()
    with mailbox(mail_port) as mail, make_run(folder, port, mail_port) as stack:
        until(lambda: answers(port), 90, f"the stack ({folder / 'log'})")
        public = Http(port, "localhost")
        shops = {}
        for name in ("initech", "hooli"):
            answer = public.post(
                "/api/signup/",
                {
                    "subdomain": name,
                    "company": name.capitalize(),
                    "email": f"boss@{name}.example",
                    "password": PASSWORD,
                    "plan": "team",
                },
            )
            assert answer.status == 201, answer.body
            assert answer.json()["url"] == f"http://{name}.localhost:{port}"
            # Usable when the answer has arrived.
            shops[name] = Http(port, f"{name}.localhost").signed_in(
                f"boss@{name}.example", PASSWORD
            )
        initech, hooli = shops["initech"], shops["hooli"]

        queued = initech.upload("/api/imports/", "globex.csv", CATALOGUE.read_bytes())
        assert queued.status == 202, queued.body
        place = queued.json()["url"].removeprefix(f"http://{initech.host}")
        job = until(
            lambda: (j := initech.get(place).json())["status"] in ("done", "failed") and j,
            30,
            "the import",
        )
        assert (job["status"], job["created"], job["refused"]) == ("done", 11, 0)
        assert hooli.get("/api/products/").json()["results"] == []

        [ladder] = initech.get("/api/products/?search=ladder").json()["results"]
        order = initech.post("/api/orders/", {"items": [{"product": ladder["id"], "quantity": 1}]})
        assert order.status == 201, order.body
        assert order.json()["total"] == ladder["price"]
        stolen = hooli.post("/api/orders/", {"items": [{"product": ladder["id"], "quantity": 1}]})
        assert stolen.status == 409

        [confirmation] = until(
            lambda: mail.to("boss@initech.example", "Order 1001 confirmed"), 20, "the mail"
        )
        assert confirmation["Subject"] == "Order 1001 confirmed - Initech"
        assert f"http://initech.localhost:{port}/" in text_of(confirmation)
        until(lambda: mail.to("boss@hooli.example", "confirm your"), 20, "the other's mail")
        for message in mail.messages:
            # Nothing of one in what the other gets.
            other = "hooli" if "initech" in message["To"] else "initech"
            assert other not in text_of(message).lower()

        [welcome] = mail.to("boss@initech.example", "confirm your")
        link = re.search(r"http://initech\.localhost:\d+(/confirm-email/\S+/)", text_of(welcome))
        assert link
        assert b"is confirmed" in Http(port, "initech.localhost").get(link.group(1)).body
        assert initech.get("/api/me/").json()["email_verified"] is True
        assert Http(port, "nobody.localhost").get("/").status == 404
        assert len(children_of(stack.pid)) >= 6

        # A second one on the same data says so and does no harm.
        second = subprocess.run(
            [sys.executable, "-m", "config.stack"],
            cwd=ROOT,
            env={**os.environ, "FREEHOLD_DATA": str(folder / "data")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (second.returncode, "Another `make run` uses" in second.stderr) == (1, True)


def test_ctrl_c_stops_everything_and_a_second_run_has_the_data(folder):
    port, mail_port = free_port(), free_port()
    with make_run(folder, port, mail_port) as stack:
        started = time.monotonic()
        until(lambda: answers(port), 60, "the second run")
        assert time.monotonic() - started < 20
        boss = Http(port, "initech.localhost").signed_in("boss@initech.example", PASSWORD)
        assert [o["number"] for o in boss.get("/api/orders/").json()["results"]] == [1001]
        import psutil

        everything = psutil.Process(stack.pid).children(recursive=True)
        end(stack, signal.SIGINT)
        assert stack.returncode == 130
        _gone, alive = psutil.wait_procs(everything, 10)
        assert alive == []
        postmaster = folder / "data" / "postgres" / "postmaster.pid"
        assert not postmaster.exists()


def test_a_taken_port_is_said_and_the_next_free_one_used(folder):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with make_run(folder, port, free_port()):
            log = folder / "log"
            said = until(
                lambda: re.search(rf"Port {port} is taken; using (\d+) instead", log.read_text()),
                60,
                "the message",
            )
            until(lambda: answers(int(said.group(1))), 60, "the stack on the other port")
