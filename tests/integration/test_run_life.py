"""What users may ask of runs, through the whole server: stop, wait, follow, retry, limit, order."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.support import runs
from tests.support.server import Server
from tests.support.waiting import until

CODE = 7
CATALOG = """\
[gated]
file=runscript.py
class=RunScript
script=gated.sh
jobsched.params=gate

[failing]
file=runscript.py
class=RunScript
script=failing.sh

[silent]
file=runscript.py
class=RunScript
script=silent.sh

[chatty]
file=runscript.py
class=RunScript
script=chatty.sh
"""
CHATTY = """\
for number in 1 2 3 4 5 6 7 8 9; do echo $number; sleep 0.2; done
"""


class Site:
    """A server with two places, whose runs go on until the gate they were told of is opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gate = folder / "gate"
        self.order = folder / "order"
        self.order.touch()
        gated = f"echo $JOBSCHED_RUN_ID >> {self.order}\necho begun\n"
        gated += f'while [ ! -e "{folder}/${{JOBSCHED_PARAM_GATE:-gate}}" ]; do sleep 0.02; done\n'
        self.server = Server(
            folder / "server",
            catalog=CATALOG,
            cfg="JOB_LIVETIME = 0\nGRACE = 0.5\nRUNNERS = 1\n",
            files={
                "gated.sh": gated,
                "failing.sh": f"exit {CODE}\n",
                "silent.sh": "exec sleep 600\n",
                "chatty.sh": CHATTY,
            },
            flags=["-j", "2"],
        )

    def running(self, **more: object) -> int:
        run = runs.start(self.server, "gated", **more)
        runs.reaches(self.server, run, "running")
        return run

    def fill(self) -> list[int]:
        return [self.running(), self.running()]

    def job(self, task: str, **more: object) -> str:
        body = {"task": task, "name": task, "mode": "triggered", **more}
        response = self.server.post("/jobs", json=body)
        assert response.status_code == 202, response.text
        return response.headers["Location"]

    def run_job(self, job: str) -> int:
        return runs.id_of(self.server.post(f"{job}/run"))

    def stop(self, run: int) -> int:
        return self.server.post(f"/runs/{run}/stop", json={"reason": "so"}).status_code

    @contextmanager
    def frozen_runner(self) -> Iterator[None]:
        process = psutil.Process(self.server.pids()["runner"][0])
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def started(self) -> list[int]:
        return [int(line) for line in self.order.read_text(encoding="ascii").split()]

    def clear(self) -> None:
        """End whatever a test has left, so that the next one finds the places free."""
        for run in self.server.runs():
            if run["state"] != "done":
                self.stop(run["id"])
                runs.done(self.server, run["id"])
        self.gate.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    with site.server:
        until(lambda: site.server.pids()["runner"], message="the runner is up")
        yield site


@pytest.fixture
def site(shared: Site) -> Iterator[Site]:
    yield shared
    shared.clear()


def moment(row: dict[str, Any], name: str) -> float:
    return datetime.fromisoformat(row[name]).timestamp()


def test_a_run_that_waits_is_stopped_without_having_begun(site: Site) -> None:
    site.fill()
    waiting = runs.start(site.server, "gated")

    assert site.stop(waiting) == 202

    row = runs.done(site.server, waiting)
    assert (row["outcome"], row["started_at"]) == ("stopped", None)
    assert row["reason"] == "stopped by loopback: so"
    assert waiting not in site.started()


def test_a_run_whose_runner_has_not_acted_yet_is_stopped(site: Site) -> None:
    with site.frozen_runner():
        run = runs.start(site.server, "gated")
        runs.reaches(site.server, run, "starting")
        assert site.stop(run) == 202

    row = runs.done(site.server, run)
    assert (row["outcome"], row["ended_by"]) == ("stopped", "stop")


def test_a_run_is_stopped_once_however_often_it_is_asked(site: Site) -> None:
    run = site.running()

    with site.frozen_runner():
        first = site.stop(run)
        stopping = runs.row(site.server, run)["state"]
        second = site.stop(run)
    row = runs.done(site.server, run)
    third = site.stop(run)

    assert (first, stopping, second, third) == (202, "stopping", 202, 409)
    assert (row["outcome"], row["signal"]) == ("stopped", signal.SIGTERM)


def test_who_waits_gets_the_end_of_the_run(site: Site) -> None:
    url = f"{site.server.url}/runs"
    wanted = {"task": "failing"}
    response = requests.post(url, json=wanted, headers={"Prefer": "wait=20"}, timeout=30)

    assert response.status_code == 200
    assert response.json()["exit_code"] == CODE


def test_who_waits_too_short_gets_the_usual_answer(site: Site) -> None:
    headers = {"Prefer": "wait=1"}
    response = site.server.post("/runs", json={"task": "gated"}, headers=headers)

    assert runs.row(site.server, runs.id_of(response))["state"] == "running"


@pytest.mark.parametrize(("prefer", "stopped"), [("", False), (", cancel-on-disconnect", True)])
def test_a_client_that_goes_away_stops_the_run_only_if_it_said_so(
    site: Site, prefer: str, stopped: bool
) -> None:
    before = set(site.started())
    with pytest.raises(requests.ReadTimeout):
        site.server.post(
            "/runs", json={"task": "gated"}, headers={"Prefer": f"wait=60{prefer}"}, timeout=1
        )
    run = (set(site.started()) - before).pop()

    if stopped:
        assert runs.done(site.server, run)["ended_by"] == "disconnect"
    else:
        site.gate.touch()
        assert runs.done(site.server, run)["outcome"] == "succeeded"


def test_output_is_followed_while_it_is_written(site: Site) -> None:
    run = runs.start(site.server, "chatty")
    with site.server.get(f"/runs/{run}/output?follow=true&stream=out", stream=True) as answer:
        pieces = answer.iter_content(2)
        first = next(pieces)
        during = runs.row(site.server, run)["state"]
        rest = b"".join(pieces)

    assert (first, during) == (b"1\n", "running")
    assert first + rest == b"".join(b"%d\n" % number for number in range(1, 10))
    assert runs.row(site.server, run)["state"] == "done"


def test_failures_are_retried_with_growing_waits(site: Site) -> None:
    job = site.job("failing", retries={"max": 2, "backoff": 0.4, "factor": 2})
    first = runs.done(site.server, site.run_job(job))
    second = runs.done(site.server, first["retried_by"])
    third = runs.done(site.server, second["retried_by"])

    assert [row["attempt"] for row in (first, second, third)] == [1, 2, 3]
    assert (second["retry_of"], third["retry_of"]) == (first["id"], second["id"])
    assert third["retried_by"] is None
    assert moment(second, "started_at") - moment(first, "ended_at") >= 0.39
    assert moment(third, "started_at") - moment(second, "ended_at") >= 0.79


@pytest.mark.parametrize(("codes", "retried"), [([CODE, 9], True), ([9], False), (None, True)])
def test_only_the_named_exit_codes_are_retried(
    site: Site, codes: list[int] | None, retried: bool
) -> None:
    job = site.job("failing", retries={"max": 1, "backoff": 0, "exit_codes": codes})

    row = runs.done(site.server, site.run_job(job))

    assert (row["retried_by"] is not None) == retried


def test_a_run_that_was_stopped_is_not_retried(site: Site) -> None:
    job = site.job("gated", retries={"max": 3, "backoff": 0})
    run = site.run_job(job)
    runs.reaches(site.server, run, "running")

    site.stop(run)

    assert runs.done(site.server, run)["retried_by"] is None


def test_only_who_is_silent_is_idle(site: Site) -> None:
    silent = site.run_job(site.job("silent", idle_timeout=0.8))
    chatty = site.run_job(site.job("chatty", idle_timeout=0.8))

    row = runs.done(site.server, silent)

    assert (row["outcome"], row["ended_by"], row["signal"]) == ("idle", "idle", signal.SIGTERM)
    assert "0.8 s" in row["reason"]
    assert runs.done(site.server, chatty)["outcome"] == "succeeded"


def test_the_queue_is_served_by_priority_then_by_age(site: Site) -> None:
    living = site.fill()
    waiting = {
        priority: [runs.start(site.server, "gated", priority=priority) for _ in range(2)]
        for priority in (-5, 0, 50)
    }
    later = runs.start(site.server, "gated", priority=100, at="2999-01-01T00:00:00Z")
    reasons = [runs.row(site.server, run)["reason"] for run in (waiting[0][0], later)]
    before = len(site.started())
    site.gate.touch()

    wanted = [*waiting[50], *waiting[0], *waiting[-5]]
    for run in [*living, *wanted]:
        runs.done(site.server, run)
    begun = site.started()[before:]
    places = {run: begun.index(run) for run in wanted}
    # Two start at once, so neighbours may change places.
    assert all(abs(places[run] - number) <= 1 for number, run in enumerate(wanted))
    assert "place" in reasons[0]
    assert "2999-01-01" in reasons[1]
    assert runs.row(site.server, later)["state"] == "queued"


def test_one_run_more_than_allowed_is_refused_waits_or_replaces(site: Site) -> None:
    skip = site.job("gated", overlap="skip")
    first = site.run_job(skip)
    refused = site.server.post(f"{skip}/run")
    runs.reaches(site.server, first, "running")
    site.stop(first)
    runs.done(site.server, first)

    queue = site.job("gated", overlap="queue")
    second, third = site.run_job(queue), site.run_job(queue)
    runs.reaches(site.server, second, "running")
    other = runs.start(site.server, "failing")
    runs.done(site.server, other)
    waits = runs.row(site.server, third)
    site.stop(second)

    replace = site.job("gated", overlap="replace")
    runs.reaches(site.server, third, "running")
    old = site.run_job(replace)
    runs.reaches(site.server, old, "running")
    new = site.run_job(replace)

    assert refused.status_code == 409
    assert (waits["state"], "another run" in waits["reason"]) == ("queued", True)
    replaced = runs.done(site.server, old)
    assert (replaced["outcome"], replaced["ended_by"]) == ("stopped", "replaced")
    assert runs.reaches(site.server, new, "running")["outcome"] is None


def test_no_more_runs_of_a_job_live_than_it_allows(site: Site) -> None:
    job = site.job("gated", max_instances=2, overlap="queue")
    ids = [site.run_job(job) for _ in range(5)]
    until(lambda: runs.row(site.server, ids[1])["state"] == "running")
    most = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.is_set():
            living = site.server.runs(state="running")
            most = max(most, len(living))

    watcher = threading.Thread(target=watch)
    watcher.start()
    site.gate.touch()
    ends = [runs.done(site.server, run) for run in ids]
    done.set()
    watcher.join()

    assert {row["outcome"] for row in ends} == {"succeeded"}
    assert most <= 2


def test_a_lost_run_is_run_again_if_the_job_says_so(site: Site) -> None:
    again = site.job("gated", on_lost="retry", retries={"backoff": 0})
    never = site.job("gated", on_lost="fail", retries={"max": 3, "backoff": 0})
    first, other = site.run_job(again), site.run_job(never)
    for run in (first, other):
        runs.reaches(site.server, run, "running")

    site.server.kill("runner")

    row, left = runs.done(site.server, first), runs.done(site.server, other)
    site.gate.touch()
    assert (row["outcome"], left["outcome"], left["retried_by"]) == ("lost", "lost", None)
    retried = runs.done(site.server, row["retried_by"])
    assert (retried["outcome"], retried["attempt"], retried["retry_of"]) == ("succeeded", 2, first)
