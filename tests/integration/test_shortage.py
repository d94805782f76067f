"""The whole server when something runs out: it says so, loses nothing, and recovers by itself."""

import os
import resource
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.support import runs
from tests.support.ledger import Ledger
from tests.support.mounts import fill, read_only, small_disk
from tests.support.server import Server
from tests.support.waiting import until

CODE = 7
LOUD = 3_000_000
CATALOG = """\
[plain]
file=runscript.py
class=RunScript
script=plain.sh

[gated]
file=runscript.py
class=RunScript
script=gated.sh

[loud]
file=runscript.py
class=RunScript
script=loud.sh

[warm]
file=task.py
class=Task

[forked]
file=task.py
class=Task
jobsched.isolation=fork
"""
TASK = "class Task:\n    def __call__(self, info):\n        print('done')\n"


class Shop:
    """A server with one runner, a job due every second, and scripts that wait for a gate."""

    def __init__(self, folder: Path) -> None:
        self.ledger = Ledger(folder / "ledger")
        self.gate = folder / "gate"
        wait = f"while [ ! -e {self.gate} ]; do sleep 0.05; done"
        self.server = Server(
            folder / "server",
            catalog=CATALOG,
            cfg="JOB_LIVETIME = 0\nHISTORY = 100000\nRUNNERS = 1\nALLOW_ROOT_JOBS = True\n",
            files={
                "plain.sh": self.ledger.script(),
                "gated.sh": self.ledger.script(wait, CODE),
                "loud.sh": self.ledger.script(f"{wait}; head -c {LOUD} /dev/zero", CODE),
            },
            tasks={"task.py": TASK},
        )
        self.ticks = ""

    def open(self) -> None:
        until(lambda: self.server.pids()["runner"], message="the runner is up")
        self.ticks = self.server.schedule("plain", seconds=1)
        self.server.finished(self.ticks)

    def gated(self, task: str = "gated") -> int:
        run = runs.start(self.server, task)
        until(lambda: self.ledger.started()[run], message="it runs")
        return run

    def ends(self) -> set[int]:
        """Return the runs whose scripts have come to their end."""
        return {entry.run for entry in self.ledger.entries() if entry.kind == "end"}

    def sells(self) -> bool:
        return self.server.post("/runs", json={"task": "plain"}).status_code == 202

    def close_books(self) -> None:
        """Check that everything works again, and that nothing was lost, doubled or wrong."""
        until(self.sells, 30, "a run can be asked for again")
        done = len(self.server.finished(self.ticks))
        self.server.finished(self.ticks, done + 2, 30)
        until(lambda: self.server.post(f"{self.ticks}/pause").status_code == 200)
        until(self._all_done, 40, "every run is done")
        assert self.ledger.check(self.server) == []
        moments = _moments(self.server, self.ticks)
        assert {later - earlier for earlier, later in pairwise(moments)} == {timedelta(seconds=1)}

    def _all_done(self) -> bool:
        return all(run["state"] == "done" for run in self.server.runs())


def _moments(server: Server, path: str) -> list[datetime]:
    """Return every past moment of the job, each as often as the ledger has it."""
    rows = server.get(f"{path}/occurrences").json()["values"]
    moments: list[datetime] = []
    for row in rows:
        first = datetime.fromisoformat(row.get("first") or row["due_at"])
        if row["outcome"] != "planned":
            moments += [first + timedelta(seconds=step) for step in range(row.get("count") or 1)]
    return sorted(moments)


def refusal(shop: Shop) -> dict[str, Any]:
    """Return the problem with which a run is refused at present; nothing when it is not."""
    response = shop.server.post("/runs", json={"task": "plain"})
    if response.status_code == 202:
        return {}
    assert response.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    return problem


def refused(shop: Shop, before: Callable[[], object] = lambda: None) -> dict[str, Any]:
    """Do *before* and ask for runs, until one is refused; return how."""
    problem: dict[str, Any] = {}

    def tried() -> bool:
        nonlocal problem
        before()
        problem = refusal(shop)
        return bool(problem)

    until(tried, 20, "a run is refused")
    return problem


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    with shop.server:
        shop.open()
        yield shop


@contextmanager
def shop_on_a_small_disk(folder: Path) -> Iterator[Shop]:
    shop = Shop(folder)
    with small_disk(shop.server.data, "8m"), shop.server:
        shop.open()
        yield shop


@pytest.mark.parametrize("victim", [None, "supervisor"])
def test_a_full_disk_costs_nothing_but_time(tmp_path: Path, victim: str | None) -> None:
    with shop_on_a_small_disk(tmp_path) as shop:
        gated, loud = shop.gated(), shop.gated("loud")

        ballast = fill(shop.server.data)
        problem = refused(shop, lambda: fill(ballast.parent))
        if victim is not None:
            shop.server.kill(victim)
        shop.gate.touch()
        until(lambda: shop.ends() >= {gated, loud}, 20, "both have ended")
        refused(shop, lambda: fill(ballast.parent))
        readable = [shop.server.get(path).status_code for path in ("/healthz", "/runs", shop.ticks)]
        ballast.unlink()

        assert (problem["status"], problem["title"]) == (507, "Disk full")
        assert readable == [200, 200, 200]
        assert runs.done(shop.server, gated, 30)["exit_code"] == CODE
        row = runs.done(shop.server, loud, 30)
        assert (row["exit_code"], row["output"]["out"]["bytes"]) == (CODE, LOUD)
        assert row["output"]["out"]["kept"] == len(runs.output(shop.server, loud))
        shop.close_books()


def test_a_locked_database_is_waited_for_or_named(shop: Shop) -> None:
    gated = shop.gated()
    with closing(sqlite3.connect(shop.server.data / "jobsched.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        shop.gate.touch()

        problem = refused(shop)
        readable = [shop.server.get(path).status_code for path in ("/healthz", "/runs", shop.ticks)]
        other.execute("ROLLBACK")

    assert (problem["status"], problem["title"]) == (503, "Database busy")
    assert readable == [200, 200, 200]
    assert runs.done(shop.server, gated)["exit_code"] == CODE
    shop.close_books()


def test_a_lock_for_a_moment_is_not_even_noticed(shop: Shop) -> None:
    with (
        closing(sqlite3.connect(shop.server.data / "jobsched.db", isolation_level=None)) as other,
        ThreadPoolExecutor() as pool,
    ):
        other.execute("BEGIN IMMEDIATE")
        asked = pool.submit(shop.sells)
        until(lambda: shop.server.get("/healthz").status_code == 200)
        assert not asked.done()
        other.execute("ROLLBACK")
        assert asked.result(10)
    shop.close_books()


@pytest.mark.parametrize("victim", [None, "scheduler"])
def test_a_database_that_can_only_be_read_is_read(shop: Shop, victim: str | None) -> None:
    with read_only(shop.server.data / "jobsched.db"):
        if victim is not None:
            shop.server.kill(victim)
        with ThreadPoolExecutor(20) as pool:  # more than there are connections, so that some open
            problem = refused(shop, lambda: [*pool.map(lambda _: refusal(shop), range(40))])
            readable = [*pool.map(lambda _: shop.server.get("/runs").status_code, range(20))]

    assert problem["status"] == 503
    assert "readonly" in problem["detail"]
    assert set(readable) == {200}
    until(lambda: sells_to_all(shop), 10, "no connection stays unable to write")
    shop.close_books()


def sells_to_all(shop: Shop) -> bool:
    with ThreadPoolExecutor(20) as pool:
        return all(pool.map(lambda _: shop.sells(), range(40)))


@contextmanager
def no_descriptor_left(pid: int, spare: int) -> Iterator[None]:
    """Let the process *pid* open no more than *spare* further files."""
    usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    highest = max(int(link.name) for link in Path(f"/proc/{pid}/fd").iterdir())
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1 + spare, usual[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)


@pytest.mark.parametrize("spare", [0, 3])
def test_runs_wait_until_their_runner_has_descriptors(shop: Shop, spare: int) -> None:
    runner = shop.server.pids()["runner"][0]
    tasks = ("gated", "warm", "forked")
    with no_descriptor_left(runner, spare):
        ids = [runs.start(shop.server, task) for task in tasks for _ in range(3)]
        short = "Too many open files"
        waiting = until(lambda: [row for row in rows(shop, ids) if short in (row["reason"] or "")])
    shop.gate.touch()

    assert {row["state"] for row in waiting} <= {"queued", "starting"}
    ends = [runs.done(shop.server, run, 40) for run in ids]
    assert {(row["task"], row["exit_code"], row["reason"]) for row in ends} == {
        ("gated", CODE, None), ("warm", 0, None), ("forked", 0, None),
    }  # fmt: skip
    assert shop.server.pids()["runner"] == [runner]


def rows(shop: Shop, ids: list[int]) -> list[runs.Row]:
    return [runs.row(shop.server, run) for run in ids]


@pytest.mark.parametrize("spare", [0, 4])
def test_the_web_part_without_descriptors_says_so_and_does_not_spin(shop: Shop, spare: int) -> None:
    web = psutil.Process(shop.server.pids()["web"][0])
    with no_descriptor_left(web.pid, spare), ThreadPoolExecutor(20) as pool:
        before = sum(web.cpu_times()[:2])
        codes = {*pool.map(lambda _: asked(shop), range(60))}
        used = sum(web.cpu_times()[:2]) - before

    assert codes <= {202, 503, None}
    assert used < 3
    shop.close_books()
    assert shop.server.pids()["web"] == [web.pid]


def asked(shop: Shop) -> int | None:
    try:
        url = f"{shop.server.url}/runs"
        return requests.post(url, json={"task": "plain"}, timeout=5).status_code
    except requests.RequestException:
        return None


def test_a_supervisor_without_descriptors_replaces_its_runner_later(shop: Shop) -> None:
    supervisor = shop.server.pids()["supervisor"][0]
    with no_descriptor_left(supervisor, 1):
        runner = shop.server.kill("runner")
        until(lambda: not psutil.pid_exists(runner))
        run = runs.start(shop.server, "plain")
        assert runs.row(shop.server, run)["state"] == "queued"

    assert runs.done(shop.server, run, 40)["outcome"] == "succeeded"
    assert shop.server.pids()["supervisor"] == [supervisor]


@pytest.fixture
def script_for_all() -> Iterator[Path]:
    """A script that another user may run, while that user has a process already."""
    if os.geteuid() != 0:
        pytest.skip("only root can run jobs as somebody else")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        script = Path(folder) / "whoami.sh"
        script.write_text("#!/bin/sh\nid -un\n", encoding="ascii")
        script.chmod(0o755)
        with subprocess.Popen(["sleep", "600"], user="nobody", cwd="/") as other:
            yield script
            other.kill()


def test_runs_wait_until_their_user_may_have_processes(shop: Shop, script_for_all: Path) -> None:
    entry = f"[other]\nfile=runscript.py\nclass=RunScript\nscript={script_for_all}\n"
    shop.server.configure("catalog.cfg", f"{CATALOG}\n{entry}jobsched.run_as=nobody\n")
    assert shop.server.post("/reload").status_code == 200
    job = shop.server.post("/jobs", json={"task": "other", "name": "other", "mode": "triggered"})
    runner = shop.server.pids()["runner"][0]
    usual = resource.prlimit(runner, resource.RLIMIT_NPROC)
    resource.prlimit(runner, resource.RLIMIT_NPROC, (0, usual[1]))

    run = runs.id_of(shop.server.post(f"{job.headers['Location']}/run"))
    short = "Resource temporarily unavailable"
    until(lambda: short in str(runs.row(shop.server, run)["reason"]))
    waiting = runs.row(shop.server, run)
    resource.prlimit(runner, resource.RLIMIT_NPROC, usual)

    assert waiting["state"] in {"queued", "starting"}
    assert runs.done(shop.server, run, 30)["outcome"] == "succeeded"
    assert runs.output(shop.server, run) == b"nobody\n"


@pytest.mark.parametrize("victim", [None, "supervisor"])
def test_runs_are_not_started_while_the_working_folder_is_away(
    shop: Shop, victim: str | None
) -> None:
    (folder := shop.server.folder / "work").rmdir()
    if victim is not None:
        shop.server.kill(victim)
    missing = runs.done(shop.server, runs.start(shop.server, "plain"))
    folder.mkdir()

    assert (missing["outcome"], missing["signal"]) == ("not_started", None)
    assert str(folder) in missing["reason"]
    until(lambda: runs.done(shop.server, runs.start(shop.server, "warm"))["exit_code"] == 0)
