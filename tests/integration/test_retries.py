"""Retries through the whole server: after crashes, beside other runs, many at once."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support import runs
from tests.support.server import Server
from tests.support.waiting import until

CATALOG = """\
[flaky]
file=runscript.py
class=RunScript
script=flaky.sh
jobsched.params=name

[gated]
file=runscript.py
class=RunScript
script=gated.sh
"""
ROLES = ("parent", "supervisor", "runner", "scheduler", "web")


class Site:
    """A server whose task ``flaky`` fails while the file of its name is missing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = Server(
            folder / "server",
            catalog=CATALOG,
            cfg="JOB_LIVETIME = 0\nGRACE = 0.5\nRUNNERS = 1\n",
            files={
                "flaky.sh": f'test -e "{folder}/${{JOBSCHED_PARAM_NAME:-good}}"\n',
                "gated.sh": f'while [ ! -e "{folder}/gate" ]; do sleep 0.02; done\nexit 1\n',
            },
            flags=["-j", "3"],
        )

    def job(self, task: str, **more: object) -> str:
        body = {"task": task, "name": task, "mode": "triggered", "overlap": "queue", **more}
        response = self.server.post("/jobs", json=body)
        assert response.status_code == 202, response.text
        return response.headers["Location"]

    def run(self, job: str, **params: str) -> int:
        return runs.id_of(self.server.post(f"{job}/run", json={"params": params}))

    def failed(self, job: str, **params: str) -> int:
        """Return a run of *job* that has failed."""
        row = runs.done(self.server, self.run(job, **params))
        assert row["outcome"] == "failed", row
        return int(row["id"])

    def open(self, name: str) -> None:
        (self.folder / name).touch()

    def retry_many(self, **body: object) -> dict[str, Any]:
        response = self.server.post("/runs/retry", json=body)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("retries"))
    with site.server:
        yield site


def test_a_retry_that_is_due_later_survives_the_death_of_everything(site: Site) -> None:
    job = site.job("flaky", retries={"max": 1, "backoff": 3})
    row = runs.done(site.server, site.run(job, name="crash"))
    retry = row["retried_by"]
    waiting = runs.row(site.server, retry)
    for role in ROLES:  # the parent first: nobody restarts the others
        for pid in site.server.pids()[role]:
            os.kill(pid, signal.SIGKILL)
    until(lambda: not site.server.processes(), message="nothing of the server is left")
    site.open("crash")
    site.server.start()

    done = runs.done(site.server, retry)

    assert (waiting["state"], "not before" in waiting["reason"]) == ("queued", True)
    assert (done["outcome"], done["attempt"], done["retry_of"]) == ("succeeded", 2, row["id"])
    listed = site.server.get(f"{job}/retries").json()["values"]
    assert [(entry["id"], entry["requested_by"], entry["open"]) for entry in listed] == [
        (retry, None, False)
    ]
    assert listed[0]["started_at"] >= listed[0]["not_before"]


def test_requests_at_the_same_moment_make_one_retry(site: Site) -> None:
    job = site.job("flaky")
    run = site.failed(job)
    site.open("good")
    answers: list[requests.Response] = []

    def ask() -> None:
        url = f"{site.server.url}/runs/{run}/retry"
        answers.append(requests.post(url, timeout=30))

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    made = [answer for answer in answers if answer.status_code == 202]
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert (len(made), len(refused)) == (1, 11)
    assert {each["type"] for each in refused} == {"/errors/not-retriable"}
    assert runs.done(site.server, made[0].json()["id"])["outcome"] == "succeeded"
    (site.folder / "good").unlink()


def test_a_lost_run_is_retried_as_often_as_its_policy_says(site: Site) -> None:
    job = site.job("gated", on_lost="retry", retries={"max": 1, "backoff": 0})
    first = site.run(job)
    runs.reaches(site.server, first, "running")
    site.server.kill("runner")
    second = runs.done(site.server, first)["retried_by"]
    runs.reaches(site.server, second, "running")
    site.server.kill("runner")

    row = runs.done(site.server, second)

    assert (row["outcome"], row["attempt"], row["retried_by"]) == ("lost", 2, None)


def test_a_retry_beside_a_living_run_is_refused_waits_or_replaces(site: Site) -> None:
    """The job's policy of the moment counts, whatever it was when the run was made."""
    job = site.job("gated")
    site.open("gate")
    first, second, third = (site.failed(job) for _ in range(3))
    (site.folder / "gate").unlink()
    living = site.run(job)
    runs.reaches(site.server, living, "running")

    site.server.put(job, json={"overlap": "skip"})
    refused = site.server.post(f"/runs/{first}/retry")
    site.server.put(job, json={"overlap": "queue"})
    waits = runs.id_of(site.server.post(f"/runs/{second}/retry"))
    waiting = runs.row(site.server, waits)
    site.server.post(f"/runs/{waits}/stop")
    site.server.put(job, json={"overlap": "replace"})
    replacing = runs.id_of(site.server.post(f"/runs/{third}/retry"))

    assert (refused.status_code, refused.json()["type"]) == (409, "/errors/job-busy")
    assert (waiting["state"], "another run of its job" in waiting["reason"]) == ("queued", True)
    assert runs.done(site.server, living)["ended_by"] == "replaced"
    runs.reaches(site.server, replacing, "running")
    site.open("gate")
    assert runs.done(site.server, replacing)["attempt"] == 2
    (site.folder / "gate").unlink()


def test_many_failures_are_retried_once_and_then_what_failed_again(site: Site) -> None:
    job = site.job("flaky", overlap="queue", max_instances=3)
    uuid = job.rsplit("/", 1)[1]
    failures = {name: site.failed(job, name=name) for name in ("a", "b", "c", "d")}
    for name in ("a", "b"):
        site.open(name)

    counted = site.retry_many(job=uuid, dry_run=True)
    first = site.retry_many(job=uuid)
    rows = [runs.done(site.server, run) for run in first["runs"]]
    for name in ("c", "d"):
        site.open(name)
    again = site.server.put(f"{job}/retries/retry").json()["values"]

    assert (counted["matched"], counted["retried"], first["retried"]) == (4, 0, 4)
    assert {row["retry_of"] for row in rows} == {*failures.values()}
    failed = {row["id"] for row in rows if row["outcome"] == "failed"}
    assert (len(failed), {row["retry_of"] for row in again}) == (2, failed)
    assert {runs.done(site.server, row["id"])["outcome"] for row in again} == {"succeeded"}
    nothing = (site.server.post(f"{job}/retry"), site.server.put(f"{job}/retries/retry"))
    assert [answer.status_code for answer in nothing] == [409, 409]


def test_retries_wait_for_a_place_like_all_runs(site: Site) -> None:
    blocking = [site.run(site.job("gated")) for _ in range(3)]
    for run in blocking:
        runs.reaches(site.server, run, "running")
    stopped = site.run(site.job("flaky"))
    site.server.post(f"/runs/{stopped}/stop")
    runs.done(site.server, stopped)

    answer = site.retry_many(outcome="stopped")
    retry = runs.row(site.server, answer["runs"][0])
    living = [runs.row(site.server, run)["state"] for run in blocking]
    site.open("gate")

    assert living == ["running"] * 3
    # A supervisor may have taken it in advance; no runner knows of it yet.
    assert (retry["retry_of"], retry["state"] in {"queued", "starting"}) == (stopped, True)
    ends = [runs.done(site.server, run)["ended_at"] for run in blocking]
    done = runs.done(site.server, retry["id"])
    assert (done["outcome"], done["started_at"] >= min(ends)) == ("failed", True)
    (site.folder / "gate").unlink()


def test_settings_job_gives_a_web_job_its_retries(site: Site) -> None:
    folder = site.server.data / "site/wwwroot/App_Data/jobs/triggered/failing"
    folder.mkdir(parents=True)
    (folder / "settings.job").write_text(json.dumps({"retries": {"max": 1, "backoff": 0}}))
    (folder / "run.sh").write_text("exit 3\n")
    until(lambda: site.server.get("/api/triggeredwebjobs/failing").status_code == 200)

    started = site.server.post("/api/triggeredwebjobs/failing/run")

    assert started.status_code == 202
    [job] = site.server.get("/jobs", params={"name": "failing"}).json()["values"]
    last, first = site.server.finished(f"/jobs/{job['id']}", 2)[::-1]
    assert (last["retry_of"], last["attempt"], last["retried_by"]) == (first["id"], 2, None)
    manual = site.server.post(f"/jobs/{job['id']}/retry").json()["values"][0]
    assert (manual["retry_of"], runs.done(site.server, manual["id"])["exit_code"]) == (
        last["id"],
        3,
    )
