import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobsched.execution import protocol
from jobsched.execution.webjob import launch, program
from jobsched.execution.webjob.launch import SEALED, Launch


def order_of(folder: Path, script: str = "run.sh", **changes: Any) -> Launch:
    values: dict[str, Any] = {"source": str(folder), "script": script, "arguments": []}
    return Launch(**({"command": ["/bin/sh"]} | values | changes))


def started(order: Launch, **variables: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run the program; return what became of it, and what it told the runner."""
    reader, writer = os.pipe()
    sealed = {f"{SEALED}{name}": value for name, value in variables.items()}
    ours = {"JOBSCHED_CONTROL_FD": str(writer), protocol.COOKIE: "crumb"}
    argv = [sys.executable, "-I", "-S", program.__file__, *order.to_words()]
    done = subprocess.run(
        argv, env={**sealed, **ours}, pass_fds=[writer], capture_output=True, text=True, check=False
    )
    os.close(writer)
    with os.fdopen(reader) as told:
        return done, told.read()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"copies": "/copies", "arguments": ["", "a b", "--x"]},
        {"command": [], "run_as": {"uid": 5, "gid": 6, "groups": [], "name": "a:b"}},
        {"run_as": {"uid": 5, "gid": 6, "groups": [6, 7], "name": "worker"}},
    ],
)
def test_what_is_ordered_survives_the_command_line(changes: dict[str, Any]) -> None:
    order = order_of(Path("/source"), **changes)

    found = Launch.from_words(order.to_words())

    assert all(getattr(found, name) == getattr(order, name) for name in Launch.__slots__)


def test_the_mark_of_a_run_is_that_of_the_protocol() -> None:
    assert launch.COOKIE == protocol.COOKIE


def test_the_script_has_the_variables_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("exec /usr/bin/env\n")

    done, told = started(order_of(tmp_path), MINE="ü", LANG="C")

    found = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert found.pop("PWD") == str(tmp_path)
    found.pop("_", None)
    found.pop("SHLVL", None)
    found.pop("OLDPWD", None)
    assert found == {
        "MINE": "ü",
        "LANG": "C",
        "WEBJOBS_PATH": str(tmp_path),
        "JOBSCHED_COOKIE": "crumb",
    }
    assert told == '{"op":"begins"}\n'


def test_a_script_whose_name_looks_like_an_option_is_run_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "-c.sh").write_text("echo ran\n")

    done, _ = started(order_of(tmp_path, "-c.sh"))

    assert done.stdout == "ran\n"


def test_a_program_runs_by_itself(tmp_path: Path) -> None:
    (tmp_path / "run.exe").symlink_to("/bin/echo")

    done, _ = started(order_of(tmp_path, "run.exe", command=[], arguments=["hello"]))

    assert done.stdout == "hello\n"


def test_a_command_that_is_gone_by_now_is_told(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("true\n")

    done, told = started(order_of(tmp_path, command=["/nowhere/bash"]))

    assert done.returncode == 126
    assert done.stderr == "/nowhere/bash could not be started: No such file or directory\n"
    assert '"failed"' in told


def test_a_script_that_is_gone_by_now_is_told(tmp_path: Path) -> None:
    done, told = started(order_of(tmp_path))

    assert done.returncode == 126
    assert f"The script {tmp_path}/run.sh cannot be read: No such file" in done.stderr
    assert "begins" not in told


def test_little_is_imported_for_every_start() -> None:
    source = (
        "import sys; sys.path.insert(0, sys.argv[1]); import jobsched.execution.webjob.launch\n"
        "print(*sys.modules)"
    )
    root = str(Path(launch.__file__).parents[3])
    argv = [sys.executable, "-I", "-S", "-c", source, root]
    loaded = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()

    assert {"dataclasses", "json", "re", "shutil", "signal", "socket", "typing"}.isdisjoint(loaded)
