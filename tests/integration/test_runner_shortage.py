"""The runner when something runs out: never the job's fault, nothing lost, recovers by itself."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsched.execution.protocol import JOURNAL, unpack
from tests.support.runner import RunnerClient, lives, running_runner
from tests.support.waiting import until

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[RunnerClient]:
    with running_runner(tmp_path / "r1") as client:
        yield client


def test_no_descriptors_left_is_a_shortage(runner: RunnerClient) -> None:
    pid = runner.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = open_files(pid)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 1, before[1]))

    runner.shell(1, "exit 0")
    refused = runner.receive("refused", 1)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    ended = runner.run(1, "exit 0", claim=2)

    assert refused["shortage"] is True
    assert refused["reason"] == "no pipes: Too many open files"
    assert ended["exit_code"] == 0
    assert open_files(pid) == used


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_nothing_starts_that_cannot_be_journalled(runner: RunnerClient, tmp_path: Path) -> None:
    pid = runner.process.pid
    full = (runner.folder / JOURNAL).stat().st_size
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY))

    runner.shell(1, f"touch {tmp_path}/ran")
    refused = runner.receive("refused", 1)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, UNLIMITED)

    assert refused["shortage"] is True
    assert not (tmp_path / "ran").exists()
    assert runner.run(1, "exit 4")["exit_code"] == 4


def test_an_end_is_told_only_once_it_stands_in_the_journal(
    runner: RunnerClient, tmp_path: Path
) -> None:
    runner.shell(1, f"until [ -e {tmp_path}/go ]; do sleep .02; done; exit 3")
    pid = runner.receive("started", 1)["pid"]
    full = (runner.folder / JOURNAL).stat().st_size
    resource.prlimit(runner.process.pid, resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY))

    (tmp_path / "go").touch()
    until(lambda: not lives(pid))
    states = runner.connect()["runs"]
    resource.prlimit(runner.process.pid, resource.RLIMIT_FSIZE, UNLIMITED)
    ended = runner.receive("ended", 1)

    assert [state["state"] for state in states] == ["running"]
    assert ended["exit_code"] == 3


def test_a_missing_output_folder_does_not_fail_the_run(runner: RunnerClient) -> None:
    (runner.folder / "runs").touch()

    ended = runner.run(1, "head -c 50000 /dev/zero; exit 2")

    assert (ended["exit_code"], ended["out_bytes"]) == (2, 50_000)
    assert ended["reason"] == "its output is incomplete: File exists"


def test_an_order_that_is_none_is_refused_and_the_next_one_obeyed(tmp_path: Path) -> None:
    client = RunnerClient(tmp_path / "r1")
    try:
        client.send(op="start", run=1, claim=1, argv=["x"], nonsense=True)
        refused = client.receive("refused", 1)
        ended = client.run(2, "exit 0")
    finally:
        client.close()

    assert "the runner did not understand" in refused["reason"]
    assert refused["shortage"] is False
    assert ended["exit_code"] == 0


def test_two_hundred_stubborn_descendants_are_ended(runner: RunnerClient, tmp_path: Path) -> None:
    stubborn = "trap '' TERM HUP INT; sleep 600; true"
    runner.shell(
        1,
        f'for i in $(seq 100); do setsid sh -c "{stubborn}" & done; '
        f"trap '' TERM; touch {tmp_path}/up; wait",
        grace=0.3,
    )
    until((tmp_path / "up").exists)
    root = runner.process.pid

    runner.stop(1)
    ended = runner.receive("ended", 1)

    assert ended["signal"] == 9
    assert children_of(root) == []


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_a_job_has_the_server_s_own_limit_of_open_files(tmp_path: Path) -> None:
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, allowed[1]))
    try:
        client = RunnerClient(tmp_path / "r1")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, allowed)

    free = client.run(1, "sleep 0.05; ulimit -n")
    limited = client.run(2, "sleep 0.05; ulimit -n", limits={"open_files": 77})
    own = resource.prlimit(client.process.pid, resource.RLIMIT_NOFILE)
    client.close()

    assert own[0] > 512
    assert unpack(free["out"]) == b"512\n"
    assert unpack(limited["out"]) == b"77\n"
