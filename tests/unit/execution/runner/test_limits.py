import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from jobsched.execution.protocol import Identity
from jobsched.execution.runner import limits


def in_a_child(action: Callable[[], str]) -> str:
    """Return what *action* returns in a forked child, where limits bind nobody else."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            text = action()
        except BaseException as error:
            text = repr(error)
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    text = os.read(reader, 10_000).decode()
    os.close(reader)
    os.waitpid(pid, 0)
    return text


def test_unknown_limits_are_named() -> None:
    assert limits.unknown_limits({"open_files": 1, "no_new_privs": True, "disk": 5}) == ["disk"]


@pytest.mark.parametrize(("name", "kind"), limits.RESOURCES.items())
def test_each_limit_binds(name: str, kind: int) -> None:
    def limited() -> str:
        limits.apply({name: 2**40 if name == "address_space" else 30}, None)
        return str(resource.getrlimit(kind))

    expected = 2**40 if name == "address_space" else 30
    assert in_a_child(limited) == str((expected, expected))


def test_a_limit_never_rises_above_the_present_one() -> None:
    def limited() -> str:
        limits.apply({"open_files": 40}, None)
        limits.apply({"open_files": 50}, None)
        return str(resource.getrlimit(resource.RLIMIT_NOFILE))

    assert in_a_child(limited) == "(40, 40)"


def test_new_privileges_can_be_forbidden() -> None:
    def forbidden() -> str:
        limits.apply({"no_new_privs": True}, None)
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(line.split()[1] for line in lines if line.startswith("NoNewPrivs"))

    assert in_a_child(forbidden) == "1"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_identity_cannot_be_taken_back() -> None:
    def changed() -> str:
        limits.apply({}, Identity(uid=65534, gid=65533, groups=(65532,)))
        try:
            os.setuid(0)
        except PermissionError:
            return str((os.getresuid(), os.getresgid(), os.getgroups()))
        return "it could"

    assert in_a_child(changed) == str(((65534,) * 3, (65533,) * 3, [65532]))


def test_the_own_oom_score_can_be_raised() -> None:
    def raised() -> str:
        done = limits.set_oom_score("self", 500)
        return f"{done} {Path('/proc/self/oom_score_adj').read_text().strip()}"

    assert in_a_child(raised) == "True 500"


def test_a_missing_process_has_no_oom_score() -> None:
    assert not limits.set_oom_score(2**22 + 1, 0)
