"""The start message: task, job and settings become what a runner is told."""

import os
import pwd
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from jobsched.catalog import Catalog, Isolation, Task, TaskPolicy
from jobsched.execution.protocol import StartRequest
from jobsched.execution.supervisor.commands import environment, start_message
from jobsched.execution.supervisor.handover import Handover
from jobsched.execution.supervisor.refusing import CannotStart
from jobsched.execution.supervisor.reportfiles import ReportFiles
from jobsched.execution.supervisor.surroundings import Surroundings, allowed_variables
from jobsched.execution.supervisor.webjobs import WebJobRuns
from jobsched.model import Policy, Run
from jobsched.settings import Settings
from jobsched.storage.records import Records
from jobsched.webjobs.appsettings import AppSettings
from tests.support.values import run_of


def around(tmp_path: Path, *tasks: Task, **settings: Any) -> Surroundings:
    (tmp_path / "hello.sh").write_text("#!/bin/sh\necho hello\n")
    chosen = Settings(conf_dir=tmp_path, tasks_dir=tmp_path, data_dir=tmp_path / "data", **settings)
    return Surroundings(
        settings=chosen,
        catalog=Catalog({task.name: task for task in tasks}),
        folder="/srv",
        inherited={"PATH": "/bin"},
        webjobs=WebJobRuns(
            settings=chosen, find=lambda _: None, app=lambda: AppSettings(configured=chosen)
        ),
        handover=Handover(cast("Records", None), ReportFiles(chosen.data_dir)),
    )


def script_task(tmp_path: Path, **policy: Any) -> Task:
    return Task(
        name="hello",
        tasks_dir=tmp_path,
        file="runscript.py",
        class_name="RunScript",
        arguments={"script": "hello.sh"},
        builtin="runscript",
        policy=TaskPolicy(**policy),
    )


def python_task(tmp_path: Path, **policy: Any) -> Task:
    return Task(
        name="example",
        tasks_dir=tmp_path,
        file="example.py",
        class_name="ExampleJob",
        arguments={"phrase": "foo"},
        policy=TaskPolicy(**policy),
    )


def test_a_script_is_started_directly_with_its_interpreter(tmp_path: Path) -> None:
    message = start_message(run_of(task="hello"), around(tmp_path, script_task(tmp_path)))

    assert message["kind"] == "command"
    assert message["argv"][-1] == str(tmp_path / "hello.sh")
    assert message["cwd"] == "/srv"
    assert message["output"]["path"] == str(tmp_path / "data/runs/000012/12345.2")


def test_the_runner_understands_every_message(tmp_path: Path) -> None:
    for task in (script_task(tmp_path), python_task(tmp_path)):
        run = run_of(task=task.name, id=12345, claim=2)

        request = StartRequest.from_message(start_message(run, around(tmp_path, task)))

        assert request.key == (12345, 2)


def test_a_python_task_is_called_in_a_process_that_loads_it(tmp_path: Path) -> None:
    task = python_task(tmp_path, isolation=Isolation.FORK)
    due = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
    run = run_of(task="example", job_id="a-b", due_at=due, params={"x": 1})

    message = start_message(run, around(tmp_path, task))

    assert message["kind"] == "task"
    assert message["warm"] is False
    assert message["task"]["class"] == "ExampleJob"
    assert message["task"]["arguments"] == {"phrase": "foo"}
    assert message["info"]["job_id"] == "a-b"
    assert message["info"]["timeout"] == 60.0
    assert message["info"]["due_at"] == "2024-05-01T12:00:00.000000Z"
    assert message["info"]["params"] == {"x": 1}


@pytest.mark.parametrize(
    ("asked", "of_task", "expected"),
    [
        (None, None, 60.0),  # JOB_LIVETIME
        (None, 7.0, 7.0),
        (3.0, 7.0, 3.0),
        (0.0, 7.0, None),
        (None, 0.0, None),
    ],
)
def test_a_script_ends_at_the_runs_then_the_tasks_limit_then_job_livetime(
    tmp_path: Path, asked: float | None, of_task: float | None, expected: float | None
) -> None:
    place = around(tmp_path, script_task(tmp_path, timeout=of_task))
    run = run_of(task="hello", policy=Policy(timeout=asked))

    assert start_message(run, place)["timeout"] == expected


def test_a_python_task_has_no_limit_but_its_own(tmp_path: Path) -> None:
    message = start_message(run_of(task="example"), around(tmp_path, python_task(tmp_path)))

    assert message["timeout"] is None


@pytest.mark.parametrize(
    ("asked", "of_task", "expected"), [(None, None, 5.0), (None, 1.0, 1.0), (0.0, 1.0, 0.0)]
)
def test_the_grace_is_the_runs_then_the_tasks_then_the_setting(
    tmp_path: Path, asked: float | None, of_task: float | None, expected: float
) -> None:
    place = around(tmp_path, script_task(tmp_path, grace=of_task))

    assert start_message(run_of(task="hello", policy=Policy(grace=asked)), place)["grace"] == (
        expected
    )


def test_an_unknown_task_cannot_start(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="no task named 'gone'"):
        start_message(run_of(task="gone"), around(tmp_path))


def test_a_missing_script_cannot_start_and_its_path_is_named(tmp_path: Path) -> None:
    place = around(tmp_path, script_task(tmp_path))
    (tmp_path / "hello.sh").unlink()

    with pytest.raises(CannotStart, match=r"hello\.sh"):
        start_message(run_of(task="hello"), place)


@pytest.mark.parametrize("name", ["nobody-of-this-name", "\0", "\ud800"])
def test_an_unknown_user_cannot_start(tmp_path: Path, name: str) -> None:
    place = around(tmp_path, script_task(tmp_path))
    run = run_of(task="hello", policy=Policy(run_as=name))

    with pytest.raises(CannotStart, match="There is no user"):
        start_message(run, place)


def test_the_user_of_the_server_needs_no_change_of_identity(tmp_path: Path) -> None:
    me = pwd.getpwuid(os.geteuid()).pw_name
    place = around(tmp_path, script_task(tmp_path), run_as=me)

    assert start_message(run_of(task="hello"), place)["run_as"] is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run jobs as somebody else")
def test_who_runs_as_somebody_else_has_their_home_and_name(tmp_path: Path) -> None:
    place = around(tmp_path, script_task(tmp_path), run_as="nobody")

    message = start_message(run_of(task="hello", policy=Policy(env={"SHELL": "/bin/zsh"})), place)

    variables = cast(dict[str, str], message["env"])
    assert variables["HOME"] == pwd.getpwnam("nobody").pw_dir
    assert (variables["USER"], variables["LOGNAME"]) == ("nobody", "nobody")
    assert variables["SHELL"] == "/bin/zsh"


def test_a_run_sees_its_facts_and_parameters_in_its_environment() -> None:
    run = run_of(job_id="a-b", params={"colour": "red", "n": 3}, policy=Policy(env={"OWN": "1"}))

    variables = environment(run, {"PATH": "/bin"})

    assert variables == {
        "PATH": "/bin",
        "OWN": "1",
        "JOBSCHED_JOB_ID": "a-b",
        "JOBSCHED_RUN_ID": str(run.id),
        "JOBSCHED_ATTEMPT": "1",
        "JOBSCHED_PARAMS": '{"colour": "red", "n": 3}',
        "JOBSCHED_PARAM_COLOUR": "red",
        "JOBSCHED_PARAM_N": "3",
    }


def test_what_no_process_can_be_given_is_refused() -> None:
    run: Run = run_of(params={"colour": "r\0d"})

    with pytest.raises(CannotStart, match="JOBSCHED_PARAM"):
        environment(run, {})


def test_only_allowed_variables_are_inherited() -> None:
    environ = {"PATH": "/bin", "LC_TIME": "C", "AWS_SECRET": "x", "PATHS": "y"}

    assert allowed_variables(environ, ("PATH", "LC_*")) == {"PATH": "/bin", "LC_TIME": "C"}
