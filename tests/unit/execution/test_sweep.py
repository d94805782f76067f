import subprocess
from collections.abc import Iterator

import pytest

from jobsched.execution import processes
from jobsched.execution.journal import Contents, Entry, Worker
from jobsched.execution.sweep import sweep


class Sleepers:
    """Starts processes that sleep; those of a test that fails are ended too."""

    def __init__(self) -> None:
        self.children: list[subprocess.Popen[bytes]] = []

    def start(self, cookie: str) -> "subprocess.Popen[bytes]":
        child = subprocess.Popen(
            ["/bin/sleep", "600"], env={"JOBSCHED_COOKIE": cookie}, start_new_session=True
        )
        self.children.append(child)
        return child

    def end(self) -> None:
        for child in self.children:
            child.kill()
            child.wait()


@pytest.fixture
def sleepers() -> Iterator[Sleepers]:
    sleepers = Sleepers()
    yield sleepers
    sleepers.end()


def an_entry(pid: int | None, start_time: int | None, **facts: object) -> Entry:
    given = {"cookie": "of-nobody", **facts}
    return Entry(
        run=1,
        claim=1,
        started_us=0,
        pid=pid,
        start_time=start_time,
        **given,  # type: ignore[arg-type]
    )


def swept(*entries: Entry, workers: tuple[Worker, ...] = ()) -> list[int]:
    contents = Contents(
        entries={(number, 1): entry for number, entry in enumerate(entries)}, workers=list(workers)
    )
    return sweep(contents)


def ended(child: "subprocess.Popen[bytes]") -> bool:
    """Return whether *child* has ended."""
    return child.poll() is not None


def test_a_session_with_the_recorded_start_time_is_ended(sleepers: Sleepers) -> None:
    child = sleepers.start("x")

    killed = swept(an_entry(child.pid, processes.start_time(child.pid)))

    assert killed == [child.pid]
    assert ended(child)


def test_a_pid_that_is_another_process_by_now_is_left_alone(sleepers: Sleepers) -> None:
    child = sleepers.start("x")

    killed = swept(an_entry(child.pid, processes.start_time(child.pid) - 1))

    assert killed == []
    assert not ended(child)


def test_a_cookie_is_enough(sleepers: Sleepers) -> None:
    child = sleepers.start("sweep-me")

    killed = swept(an_entry(None, None, cookie="sweep-me"))

    assert killed == [child.pid]
    assert ended(child)


def test_workers_are_ended(sleepers: Sleepers) -> None:
    child = sleepers.start("a-worker")

    killed = swept(workers=(Worker(pid=child.pid, start_time=0, cookie="a-worker"),))

    assert killed == [child.pid]
    assert ended(child)


def test_detached_and_ended_runs_are_left_alone(sleepers: Sleepers) -> None:
    child = sleepers.start("spare-me")
    start = processes.start_time(child.pid)

    killed = swept(
        an_entry(child.pid, start, cookie="spare-me", detach=True),
        an_entry(child.pid, start, cookie="spare-me", end={"exit_code": 0}),
    )

    assert killed == []
    assert not ended(child)
