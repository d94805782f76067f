"""Seed 002, what runs: checks J30 to J39, against the real server."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.processes import command_of
from tests.support.server import Server
from tests.support.waiting import until

LIVETIME = 1.5
CATALOG = """\
[info]
file=zoo.py
class=Info
[slow]
file=zoo.py
class=Slow
[watched]
file=zoo.py
class=Watched
[second]
file=zoo.py
class=WatchedForASecond
[noisy]
file=zoo.py
class=Noisy
[raising]
file=zoo.py
class=Raising
[hello]
file=runscript.py
class=RunScript
script=hello.sh
[endless]
file=runscript.py
class=RunScript
script=endless.sh
[failing]
file=runscript.py
class=RunScript
script=failing.sh
[absent]
file=runscript.py
class=RunScript
script=absent.sh
[both]
file=runscript.py
class=RunScript
script=both.sh
"""
ZOO = """\
import sys
import time

from jobsched.watchdog import watchdog


class Info:
    def __call__(self, *arguments):
        (info,) = arguments
        job_id, timeout = info
        print("pair", job_id, timeout)
        print("names", info.job_id, info.timeout)


class Slow:
    def __call__(self, info):
        time.sleep(2.5)


class Watched:
    @watchdog()
    def __call__(self, info):
        \"\"\"Sleeps.\"\"\"
        print("name", Watched.__call__.__name__, Watched.__call__.__doc__, flush=True)
        time.sleep(60)


class WatchedForASecond:
    @watchdog(1)
    def __call__(self, info):
        time.sleep(60)


class Noisy:
    @watchdog()
    def __call__(self, info):
        print("said to stdout")
        print("said to stderr", file=sys.stderr)
        time.sleep(60)


class Raising:
    @watchdog()
    def __call__(self, info):
        print("before the end")
        raise ValueError("this went wrong")
"""
# What the scripts leave behind if somebody forgets their children.
MARK = "86399.25"
SCRIPTS = {
    "hello.sh": '#!/bin/sh\necho "hello out"\necho "hello err" >&2\n',
    "endless.sh": f"#!/bin/sh\necho began\nsleep {MARK} &\nsetsid sleep {MARK} &\nsleep {MARK}\n",
    "failing.sh": "#!/bin/sh\necho about to fail\nexit 3\n",
    "both.sh": "#!/bin/sh\necho next to the catalog\n",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "work").mkdir()
    here = folder / "work" / "both.sh"
    here.write_text("#!/bin/sh\necho in the working directory\n")
    here.chmod(0o700)
    with Server(
        folder,
        catalog=CATALOG,
        cfg=f"JOB_LIVETIME = {LIVETIME}\nCAPACITY = 16",
        tasks={"zoo.py": ZOO},
        files=SCRIPTS,
    ) as running:
        yield running


class Scheduled:
    """A job that was scheduled, its first finished run and its output."""

    def __init__(self, server: Server, task: str, seconds: float = 1) -> None:
        self.path = server.schedule(task, seconds=seconds)
        self.id = self.path.rsplit("/", maxsplit=1)[1]
        self.run = server.finished(self.path)[0]
        self.state = server.get(self.path).json()["state"]
        self.output = server.get(f"/runs/{self.run['id']}/output").text
        server.delete(self.path)

    @property
    def seconds(self) -> float:
        start, end = (datetime.fromisoformat(self.run[key]) for key in ("started_at", "ended_at"))
        return (end - start).total_seconds()


def logged(server: Server, *words: str) -> list[str]:
    """Return the log's lines with all *words*, waiting for the first."""
    return until(lambda: server.lines(*words), message=f"no line with {words}")


def test_J30_a_task_is_called_with_its_job_and_the_livetime(server: Server) -> None:
    job = Scheduled(server, "info")

    assert job.run["outcome"] == "succeeded"
    assert f"pair {job.id} {LIVETIME}" in job.output
    assert f"names {job.id} {LIVETIME}" in job.output


def test_J31_a_scripts_output_is_logged_with_the_job(server: Server) -> None:
    job = Scheduled(server, "hello")

    assert job.run["exit_code"] == 0
    assert "hello out" in job.output
    assert "hello err" in job.output
    assert logged(server, job.id, "hello out")
    assert logged(server, job.id, "hello err")


def test_J32_a_script_past_its_time_is_killed_with_all_its_children(
    server: Server, tmp_path: Path
) -> None:
    job = Scheduled(server, "endless")

    assert (job.run["outcome"], job.run["ended_by"]) == ("timed_out", "timeout")
    assert LIVETIME <= job.seconds < LIVETIME + 6
    assert job.output == "began\n"
    assert logged(server, job.id, "WARNING", "timed_out")
    assert logged(server, job.id, "began")
    assert not [p for p in server.processes() if MARK in command_of(p)]


def test_J33_a_failing_script_shows_its_status_and_stays_scheduled(server: Server) -> None:
    job = Scheduled(server, "failing")

    assert (job.run["outcome"], job.run["exit_code"]) == ("failed", 3)
    assert job.state == "active"
    assert logged(server, job.id, "WARNING", "exit_code=3")


def test_J33_a_missing_script_shows_its_path_and_stays_scheduled(server: Server) -> None:
    job = Scheduled(server, "absent")

    assert job.run["outcome"] in {"failed", "not_started"}
    assert "absent.sh" in job.run["reason"]
    assert job.state == "active"
    assert logged(server, job.id, "absent.sh")


def test_J34_the_working_directory_comes_first_then_the_catalogs(server: Server) -> None:
    assert Scheduled(server, "both").output == "in the working directory\n"
    assert "hello out" in Scheduled(server, "hello").output  # only next to catalog.cfg


def test_J35_J36_J37_J38_the_watchdog_ends_what_it_watches(server: Server) -> None:
    names = ("watched", "second", "noisy", "raising", "slow")
    paths = {name: server.schedule(name, seconds=1) for name in names}
    runs = {name: server.finished(path)[0] for name, path in paths.items()}
    for path in paths.values():
        server.delete(path)

    def seconds(name: str) -> float:
        times = (datetime.fromisoformat(runs[name][key]) for key in ("started_at", "ended_at"))
        start, end = times
        return (end - start).total_seconds()

    def output(name: str) -> str:
        return server.get(f"/runs/{runs[name]['id']}/output").text

    ids = {name: path.rsplit("/", maxsplit=1)[1] for name, path in paths.items()}
    # J35, J36: after JOB_LIVETIME, or after the decorator's own time.
    assert LIVETIME <= seconds("watched") < LIVETIME + 6
    assert 1 <= seconds("second") < LIVETIME + 5
    assert {runs[name]["outcome"] for name in ("watched", "second")} == {"timed_out"}
    assert "name __call__ Sleeps." in output("watched")
    # J37: all prints are kept and logged, of a killed one too, and a traceback.
    assert "said to stdout" in output("noisy")
    assert "said to stderr" in output("noisy")
    assert logged(server, ids["noisy"], "said to stdout")
    assert logged(server, ids["noisy"], "said to stderr")
    assert runs["raising"]["outcome"] == "failed"
    assert "ValueError: this went wrong" in output("raising")
    assert logged(server, ids["raising"], "before the end")
    assert logged(server, ids["raising"], "ValueError: this went wrong")
    # J38: without a watchdog there is no limit.
    assert runs["slow"]["outcome"] == "succeeded"
    assert seconds("slow") >= 2.5


def test_J39_a_tick_during_a_run_is_skipped_and_logged(server: Server) -> None:
    path = server.schedule("slow", seconds=1)
    job_id = path.rsplit("/", maxsplit=1)[1]

    runs = server.finished(path, 2)
    now = datetime.now(UTC).isoformat()
    rows = server.get(f"{path}/occurrences", params={"to": now}).json()["values"]
    server.delete(path)

    assert runs[0]["ended_at"] <= runs[1]["started_at"]
    skipped = [row for row in rows if row["outcome"] == "skipped"]
    assert skipped
    assert all(row["reason"] for row in skipped)
    assert logged(server, job_id, "skipped")
