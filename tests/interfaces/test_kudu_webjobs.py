"""Kudu's own functional tests of web jobs (Kudu.FunctionalTests/Jobs/WebJobsTests.cs), by name.

Those marked A in webjobs.md, section 9; on Linux, so that run.sh stands where they have run.cmd.
"""

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from queue import SimpleQueue
from typing import Any
from urllib.parse import quote

import pytest

from jobsched import clock
from tests.support.kudu import Json, Kudu, checked
from tests.support.processes import command_of
from tests.support.server import Server
from tests.support.waiting import until

JOBS = "/vfs/site/wwwroot/App_Data/jobs"
FOR_EVER = "echo begun\nsleep 300 & wait\n"
ACCENTED = "éîkudu-tüst-" + "a" * 60 + ".sh"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("kudu")) as server:
        yield server


@pytest.fixture
def kudu(server: Server) -> Iterator[Kudu]:
    """The server without any job, and as Kudu's tests set it up."""
    kudu = Kudu(server)
    kudu.set(WEBJOBS_RESTART_TIME="5")
    yield kudu
    for kind in ("triggered", "continuous"):
        for name in kudu.names(kind):
            kudu.delete(kind, name)
    kudu.unset("WEBJOBS_STOPPED", "WEBJOBS_HISTORY_SIZE")


@contextlib.contextmanager
def receiver() -> Iterator[tuple[str, "SimpleQueue[Json]"]]:
    """Give the address of a server that takes web hooks, and what it was sent."""
    sent: SimpleQueue[Json] = SimpleQueue()

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", sent
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def starts(kudu: Kudu, name: str) -> int:
    return kudu.log(name).count("begun")


def processes(kudu: Kudu, mark: str = "300") -> int:
    return sum(mark in command_of(process) for process in kudu.server.processes())


def test_PushAndRedeployContinuousJobAsConsoleWorker(kudu: Kudu) -> None:
    kudu.deploy("continuous", "worker", "echo version one\nsleep 300\n")
    kudu.becomes("worker", "Running")
    until(lambda: "version one" in kudu.log("worker"))

    kudu.deploy("continuous", "worker", "echo version two\nsleep 300\n")

    until(lambda: "version two" in kudu.log("worker"), 20)
    kudu.becomes("worker", "Running")


def test_DeleteConsoleWorkerExecutableStopsIt(kudu: Kudu) -> None:
    kudu.deploy("continuous", "worker", FOR_EVER)
    kudu.becomes("worker", "Running")
    until(lambda: processes(kudu) == 1)

    deleted = kudu.server.delete(f"{JOBS}/continuous/worker/run.sh", headers={"If-Match": "*"})

    assert deleted.status_code == 200
    until(lambda: kudu.names("continuous") == [], 60)
    until(lambda: processes(kudu) == 0, 30)


def test_ContinuousJobStartsAfterGoingDown(kudu: Kudu) -> None:
    kudu.deploy("continuous", "short", "echo begun\n")
    kudu.becomes("short", "PendingRestart")
    until(lambda: starts(kudu, "short") >= 2, 30)

    for value in (True, False):
        url = "/api/continuouswebjobs/short/settings"
        before = starts(kudu, "short")
        assert kudu.server.put(url, json={"is_singleton": value}).status_code == 200
        assert kudu.server.get(url).json() == {"is_singleton": value}
        until(lambda before=before: starts(kudu, "short") > before, 30)  # type: ignore[misc]


def test_ContinuousJobStopsWhenDisabledStartsWhenEnabled(kudu: Kudu) -> None:
    kudu.deploy("continuous", "worker", FOR_EVER)
    kudu.becomes("worker", "Running")

    kudu.stop("worker")
    kudu.becomes("worker", "Stopped", 60)
    until(lambda: processes(kudu) == 0, 60)
    kudu.asked("POST", "/api/continuouswebjobs/worker/start")
    kudu.becomes("worker", "Running")

    kudu.set(WEBJOBS_STOPPED="1")
    kudu.server.restart()
    kudu.becomes("worker", "Stopped", 60)
    until(lambda: processes(kudu) == 0, 60)
    kudu.set(WEBJOBS_STOPPED="0")
    kudu.server.restart()
    kudu.becomes("worker", "Running", 60)


def test_TriggeredJobTriggers(kudu: Kudu) -> None:
    script = 'echo "run with [$1] [$2]"\n'
    headers = {"Content-Disposition": f"attachment; filename={quote(ACCENTED)}"}
    headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(ACCENTED)}"
    answer = kudu.server.put("/api/triggeredwebjobs/basic", data=script.encode(), headers=headers)
    job = checked(answer)
    assert (job["name"], job["type"], job["error"]) == ("basic", "triggered", None)
    assert job["run_command"] == ACCENTED
    assert job["url"] and job["extra_info_url"] and job["history_url"]  # noqa: PT018

    run = kudu.run("basic")
    assert run["status"] == "Success"
    assert "run with [] []" in kudu.server.get(run["output_url"]).text
    assert run["url"] in {each["url"] for each in kudu.history("basic")}

    told = kudu.run("basic", params={"arguments": '"first arg" "second arg"'})
    assert "run with [first arg] [second arg]" in kudu.server.get(told["output_url"]).text
    assert "api/triggeredwebjobs" in told["url"]
    assert "history" in told["url"]

    kudu.set(WEBJOBS_STOPPED="1")
    assert kudu.server.post("/api/triggeredwebjobs/basic/run").status_code == 409
    kudu.set(WEBJOBS_STOPPED="0")

    kudu.set(WEBJOBS_HISTORY_SIZE="5")
    runs = [kudu.run("basic") for _ in range(6)]
    until(lambda: len(kudu.history("basic")) == 5, 20, "the history is cut to five")
    assert [run["id"] for run in kudu.history("basic")] == [run["id"] for run in runs[:0:-1]]


def test_ScheduledTriggeredJobIsInvokedOnSchedule(kudu: Kudu) -> None:
    kudu.deploy("triggered", "planned", "true\n")
    settings = json.dumps({"schedule": "*/10 * * * * *"})

    put = kudu.server.put(f"{JOBS}/triggered/planned/settings.job", data=settings)

    assert put.status_code == 201
    until(lambda: len(kudu.history("planned")) >= 2, 40, "two runs by the schedule")
    assert kudu.history("planned")[0]["trigger"].startswith("Schedule - 0,10,20,30,40,50 * * * * *")


def test_ScheduledTriggeredJobWithExactTimeIsInvokedOnSchedule(kudu: Kudu) -> None:
    at = clock.now() + timedelta(seconds=10)
    cron = f"{at.second} {at.minute} {at.hour} {at.day} {at.month} {at.isoweekday() % 7}"

    kudu.deploy("triggered", "exact", "true\n", schedule=cron)

    until(lambda: kudu.history("exact"), 20, "it runs at its moment")
    until(lambda: clock.now() > at + timedelta(seconds=3), 20)
    assert len(kudu.history("exact")) == 1


def test_TriggeredJobAcceptsArguments(kudu: Kudu) -> None:
    kudu.deploy("triggered", "told", 'echo "[$*]"\n')

    run = kudu.run("told", params={"arguments": "test arguments"})

    assert "[test arguments]" in kudu.output(run)


def test_TriggeredJobCallsSubscribedWebHooks(tmp_path: Any) -> None:
    cfg = 'WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]\n'
    with Server(tmp_path, cfg=cfg) as server, receiver() as (url, sent):
        kudu = Kudu(server)
        kudu.deploy("triggered", "told", "echo hello\n")
        hook = {"url": url, "event": "TriggeredJobFinished"}
        assert server.post("/api/hooks", json=hook).status_code == 201

        run = kudu.run("told")

        body = sent.get(timeout=20)
        assert {key: body[key] for key in ("id", "status", "job_name")} == {
            "id": run["id"],
            "status": "Success",
            "job_name": "told",
        }
        assert sent.empty()


@pytest.mark.parametrize("kind", ["triggered", "continuous"])
def test_InPlaceJobRunsInPlace(kudu: Kudu, kind: str) -> None:
    wait = "" if kind == "triggered" else "; sleep 300"
    kudu.deploy(kind, "where", f'echo "in [$PWD]"{wait}\n')
    url = f"/api/{kind}webjobs/where/settings"

    def runs_in_place() -> bool:
        text = kudu.log("where") if wait else kudu.output(kudu.run("where"))
        return text.rpartition("in [")[2].startswith(f"{kudu.folder(kind, 'where')}]")

    for value in (False, True, False):
        assert kudu.server.put(url, json={"is_in_place": value}).status_code == 200
        until(lambda value=value: runs_in_place() is value, 30)  # type: ignore[misc]


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("triggered", id="CreateSameTriggeredJobTwiceUpdatesJobBinaries"),
        pytest.param("continuous", id="CreateSameContinuousJobTwiceUpdatesJobBinaries"),
    ],
)
def test_create_same_job_twice(kudu: Kudu, kind: str) -> None:
    kudu.put(kind, "twice", {"inner/run.sh": FOR_EVER, "inner/more.txt": "more"})
    assert kudu.job(kind, "twice")["run_command"] == "inner/run.sh"
    folder = f"{JOBS}/{kind}/twice/"
    assert [each["name"] for each in kudu.server.get(folder).json()] == ["inner"]

    headers = {"Content-Disposition": "attachment; filename=other.sh"}
    kudu.asked("PUT", f"/api/{kind}webjobs/twice", data=b"sleep 300\n", headers=headers)

    assert [each["name"] for each in kudu.server.get(folder).json()] == ["other.sh"]
    assert kudu.job(kind, "twice")["run_command"] == "other.sh"


def test_CreateAndDeleteJobSucceeds(kudu: Kudu) -> None:
    names = ["one", "two"]
    for kind in ("triggered", "continuous"):
        for name in names:
            kudu.deploy(kind, name, FOR_EVER)
    kudu.stop("one")
    kudu.server.put("/api/continuouswebjobs/one/settings", json={"one": 1})
    kudu.server.put("/api/triggeredwebjobs/one/settings", json={"one": 1})
    for kind in ("triggered", "continuous"):
        assert kudu.names(kind) == names

    for kind in ("triggered", "continuous"):
        for name in names:
            kudu.delete(kind, name)

    assert kudu.server.get("/api/webjobs").json() == []
