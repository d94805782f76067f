"""Requests that wait, follow and listen, on a real server over a real database."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobsched import clock
from jobsched.execution.places import output_path
from jobsched.model import End, EndedBy, Run, RunState
from jobsched.storage import Store
from jobsched.storage.settling import Settlement
from jobsched.wake import Wake
from tests.support.rawhttp import Answer, WebProcess
from tests.support.waiting import until

LAST_CHUNK = b"0\r\n\r\n"
BODY = json.dumps({"task": "example"}).encode()


class Site:
    """The server, and the machine's side of its runs."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "var"
        self.server = WebProcess(threads=12, folder=folder)
        until(lambda: self.server.get("/healthz").status == 200)
        self.store = Store.open(f"sqlite:///{self.data}/jobsched.db")
        self.wake = Wake(self.data)

    def run(self) -> Run:
        """Return the newest run, once there is one."""
        found = self.store.runs.get(self.newest())
        assert found is not None
        return found

    def newest(self) -> int:
        with self.store.database.read() as connection:
            return int(connection.exec_driver_sql("SELECT max(id) FROM runs").scalar() or 0)

    def start(self) -> Run:
        """Let the newest run begin."""
        run_id = until(self.newest)
        now = clock.now_us()
        self.store.claims.claim("here", "boot", ["r1"], 10, now)
        self.store.claims.started([(run_id, self.run().claim, now)])
        self.wake.notify("web")
        return self.run()

    def settle(self, **output: Any) -> None:
        """Let the newest run end with status 0."""
        run = self.run()
        end = End(
            run_id=run.id,
            claim=run.claim,
            ended_by=EndedBy.EXIT,
            exit_code=0,
            ended_us=clock.now_us(),
        )
        self.store.claims.settle([Settlement(end=end, **output)], clock.now_us())
        self.wake.notify("web")

    def close(self) -> None:
        if self.server.process.poll() is None:
            self.server.stop()
        self.store.close()
        self.wake._socket.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.close()


def _ask(site: Site, prefer: str = "wait=60") -> socket.socket:
    before = site.newest()
    connection = site.server.send("POST", "/runs", f"Prefer: {prefer}", body=BODY)
    until(lambda: site.newest() > before)
    return connection


def _chunks(connection: socket.socket, ending: bytes) -> bytes:
    """Return what has come once *ending* is in it, or the connection has ended."""
    received = b""
    while ending not in received and (piece := connection.recv(65536)):
        received += piece
    return received


def test_a_waiting_client_gets_the_finished_run(site: Site) -> None:
    with _ask(site) as connection:
        site.start()
        site.settle()

        answer = Answer(connection)

    assert answer.status == 200
    assert json.loads(answer.body)["outcome"] == "succeeded"


def test_a_client_that_waited_in_vain_gets_what_it_would_have_got(site: Site) -> None:
    with _ask(site, "wait=1") as connection:
        answer = Answer(connection)

    assert answer.status == 202
    assert json.loads(answer.body)["state"] == "queued"
    assert answer.headers["location"].endswith(f"/runs/{site.newest()}")


def test_a_run_outlives_its_client_unless_told_otherwise(site: Site) -> None:
    _ask(site, "wait=60").close()
    kept = site.newest()
    _ask(site, "wait=60, cancel-on-disconnect").close()
    dropped = until(lambda: site.newest() > kept and site.newest())

    until(lambda: site.run().state is RunState.DONE)

    assert site.run().ended_by is EndedBy.DISCONNECT
    assert site.store.runs.states([kept, dropped])[kept][0] is RunState.QUEUED


def test_waiting_requests_never_use_up_the_server(site: Site) -> None:
    waiting = [_ask(site) for _ in range(4)]
    until(lambda: not _waits(site))  # a run is there a moment before its client waits for it
    before = site.newest()

    with site.server.send("POST", "/runs", "Prefer: wait=60", body=BODY) as connection:
        refused = Answer(connection)
    start = time.monotonic()
    with site.server.send("POST", "/runs", body=BODY) as connection:
        plain = Answer(connection)

    assert refused.status == 503
    assert int(refused.headers["retry-after"]) > 0
    assert refused.problem()["type"] == "/errors/unavailable"
    assert plain.status == 202
    assert time.monotonic() - start < 2
    assert site.newest() == before + 1  # the refused one has done nothing
    for connection in waiting:
        connection.close()
    until(lambda: _waits(site))


def _waits(site: Site) -> bool:
    with site.server.send("POST", "/runs", "Prefer: wait=1", body=BODY) as connection:
        return Answer(connection).status == 202


def test_events_of_a_run_end_with_it(site: Site) -> None:
    with site.server.send("POST", "/runs", body=BODY) as connection:
        Answer(connection)
    with site.server.send("GET", f"/runs/{site.newest()}/events") as connection:
        received = _chunks(connection, b'"queued"')
        site.start()
        received += _chunks(connection, b'"running"')
        site.settle()
        received += _chunks(connection, LAST_CHUNK)

    assert b"text/event-stream" in received
    assert b'"outcome": "succeeded"' in received
    assert received.count(b"event: run") in {3, 4}  # "starting" may have been seen


def test_who_listens_to_all_hears_of_new_runs(site: Site) -> None:
    with site.server.send("GET", "/events") as connection:
        _chunks(connection, b": jobsched")
        # What came before the first look at the runs is no change.
        until(lambda: _hears_of_a_new_run(site, connection))


def _hears_of_a_new_run(site: Site, connection: socket.socket) -> bool:
    with site.server.send("POST", "/runs", body=BODY) as asking:
        Answer(asking)
    connection.settimeout(2)
    try:
        return b"event: run" in _chunks(connection, b"event: run")
    except TimeoutError:
        return False


def test_output_is_followed_while_it_is_written(site: Site) -> None:
    with site.server.send("POST", "/runs", body=BODY) as connection:
        Answer(connection)
    run = site.start()
    path = output_path(site.data / "runs", run.id, run.claim)
    path.parent.mkdir(parents=True)
    target = f"/runs/{run.id}/output?follow=true&stream=out"
    with site.server.send("GET", target) as connection:
        Path(f"{path}.out").write_bytes(b"first\n")
        received = _chunks(connection, b"first\n")
        with Path(f"{path}.out").open("ab") as file:
            file.write(b"second \xff\n")
        received += _chunks(connection, b"second \xff\n")
        site.settle()
        received += _chunks(connection, LAST_CHUNK)

    assert received.count(b"first") == received.count(b"second") == 1
    assert received.endswith(LAST_CHUNK)


def test_the_end_of_the_server_ends_all_waiting(site: Site) -> None:
    with _ask(site) as waiting, site.server.send("GET", "/events") as listening:
        _chunks(listening, b": jobsched")
        site.server.process.terminate()

        assert Answer(waiting).status == 202
        assert _chunks(listening, LAST_CHUNK).endswith(LAST_CHUNK)
    _, errors = site.server.process.communicate(timeout=10)
    assert site.server.process.returncode == 0
    assert errors == ""
