import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest

from jobsched.execution import processes
from jobsched.execution.processes import Process
from tests.support.waiting import until


def a_sleeper() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        ["/bin/sleep", "600"], env={"JOBSCHED_COOKIE": "of-a-test"}, start_new_session=True
    )


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    child = a_sleeper()
    yield child
    end(child)


def end(child: "subprocess.Popen[bytes]") -> None:
    child.kill()
    child.wait()


def test_a_process_is_read_from_the_kernel(sleeper: "subprocess.Popen[bytes]") -> None:
    found = processes.process(sleeper.pid)
    end(sleeper)

    assert found is not None
    assert (found.parent, found.group, found.session) == (os.getpid(), sleeper.pid, sleeper.pid)
    assert found.start_time == pytest.approx(processes.start_time(os.getpid()), abs=10**7)
    assert not found.gone


def test_an_ended_process_is_gone_before_it_is_reaped(sleeper: "subprocess.Popen[bytes]") -> None:
    sleeper.kill()

    until(lambda: (found := processes.process(sleeper.pid)) and found.gone)

    sleeper.wait()
    assert processes.process(sleeper.pid) is None
    assert processes.start_time(sleeper.pid) == 0


def test_the_cookie_is_found_in_the_environment(sleeper: "subprocess.Popen[bytes]") -> None:
    found = processes.cookie_of(sleeper.pid)
    end(sleeper)

    assert found == "of-a-test"
    assert processes.cookie_of(sleeper.pid) is None
    assert processes.cookie_of(1) is None


def test_a_cookie_is_found_from_the_first_moment_on() -> None:
    """Without waiting for the exec, a tenth of them would have none."""
    found = set()
    for _ in range(100):
        child = a_sleeper()
        found.add(processes.cookie_of(child.pid))
        end(child)

    assert found == {"of-a-test"}


def test_no_process_stays_in_its_exec() -> None:
    """Not those of the kernel either, nor those that are not for us to see."""
    for pid in processes.all_processes():
        until(lambda pid=pid: not processes.in_exec(pid))  # type: ignore[misc]


def test_a_signal_reaches_only_the_very_process(sleeper: "subprocess.Popen[bytes]") -> None:
    target = processes.process(sleeper.pid)
    assert target is not None
    of_another_life = replace(target, start_time=target.start_time - 1)

    missed = processes.send(of_another_life, signal.SIGKILL)
    alive = sleeper.poll() is None
    reached = processes.send(target, signal.SIGKILL)

    assert (missed, alive, reached) == (False, True, True)
    assert sleeper.wait() == -signal.SIGKILL
    assert not processes.send(target, signal.SIGKILL)


def a_process(pid: int, parent: int, state: str = "S") -> Process:
    return Process(pid=pid, state=state, parent=parent, group=0, session=0, cpu=0, start_time=0)


def test_a_branch_has_everybody_below_at_any_depth() -> None:
    family = [a_process(2, 1), a_process(3, 2, "Z"), a_process(4, 3), a_process(9, 8)]
    tree = processes.Tree(family)

    branches = [[one.pid for one in tree.branch(top)] for top in tree.children(1)]

    assert branches == [[2, 3, 4]]


def test_children_are_counted(sleeper: "subprocess.Popen[bytes]") -> None:
    count = processes.ChildCount()
    before = len(count)
    end(sleeper)

    assert len(count) == before - 1
    count.close()


@pytest.mark.parametrize("pid", [0, 1, -1])
def test_what_is_not_ours_is_never_signalled(pid: int) -> None:
    assert not processes.send(a_process(pid, 0), 0)


def test_this_very_process_is_never_signalled() -> None:
    own = processes.process(os.getpid())

    assert own is not None
    assert not processes.send(own, signal.SIGKILL)
