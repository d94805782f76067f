import os
import subprocess
from collections.abc import Iterator

import pytest

from jobsched.execution import processes
from jobsched.execution.protocol import COOKIE, StartRequest
from jobsched.execution.runner.children import Children
from jobsched.execution.runner.family import Family
from jobsched.execution.runner.hosted import Hosted


def hosted(number: int, process: "subprocess.Popen[bytes]") -> Hosted:
    request = StartRequest(
        run=number,
        claim=1,
        argv=["sleep", "60"],
        cwd="/",
        env={},
        path="/nowhere",
        cookie=f"cookie-{number}",
    )
    run = Hosted(request, 0.0, 0)
    run.pid, run.start_time = process.pid, processes.start_time(process.pid)
    return run


@pytest.fixture
def runs() -> Iterator[list[Hosted]]:
    """Three runs: their main processes are children of this one."""
    started = [
        subprocess.Popen(["sleep", "60"], env={COOKIE: f"cookie-{number}"}, start_new_session=True)
        for number in range(3)
    ]
    yield [hosted(number, process) for number, process in enumerate(started)]
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def family(runs: list[Hosted]) -> Family:
    children = Children()
    for run in runs:
        children.on_end(run.pid, lambda _: None)
    return Family(children)


def pids(found: list[processes.Process]) -> set[int]:
    return {one.pid for one in found}


def test_the_processes_of_some_runs_are_theirs_only(family: Family, runs: list[Hosted]) -> None:
    assert pids(family.of([runs[1]], runs)) == {runs[1].pid}
    assert pids(family.of(runs[:2], runs)) == {runs[0].pid, runs[1].pid}
    assert family.of([], runs) == []


def test_one_look_serves_for_all_that_is_asked_meanwhile(
    family: Family, runs: list[Hosted], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    everyone = processes.all_processes

    def look() -> dict[int, processes.Process]:
        looks.append(os.getpid())
        return everyone()

    monkeypatch.setattr(processes, "all_processes", look)

    with family.one_look():
        assert [pids(family.of([run], runs)) for run in runs] == [{run.pid} for run in runs]
    assert len(looks) == 1

    family.of(runs, runs)
    family.of(runs, runs)
    assert len(looks) == 3
