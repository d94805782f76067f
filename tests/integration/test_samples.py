"""The shipped conf/ and tasks/ work as they lie there, from any working directory."""

import logging.config
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from jobsched import catalog
from jobsched.execution import script
from tests.support.task_host import TaskHost

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    conf_dir: Path = ROOT / "conf"
    script_types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[TaskHost]:
    with TaskHost(tmp_path) as host:
        yield host


def load(host: TaskHost, name: str) -> dict[str, object]:
    task = catalog.load(ROOT / "conf", ROOT / "tasks").get(name)
    facts = {
        "file": task.file,
        "class": task.class_name,
        "arguments": dict(task.arguments),
        "tasks_dir": str(task.tasks_dir),
        "conf_dir": str(ROOT / "conf"),
        "livetime": 60,
    }
    host.send({"op": "load", "task": facts})
    return host.answer()


def test_the_example_prints_its_phrase(host: TaskHost) -> None:
    assert load(host, "example") == {"op": "loaded"}

    end = host.call({"job_id": "j"})

    assert end["exit_code"] == 0
    assert host.out == "foo (job j, at most 60 seconds)\n"


def test_the_timeout_prints_and_waits_for_its_watchdog(host: TaskHost) -> None:
    assert load(host, "timeout") == {"op": "loaded"}

    limit = host.call()

    assert limit["op"] == "limit"
    assert limit["seconds"] == pytest.approx(1, abs=0.1)


def test_the_script_runs_as_the_built_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    task = catalog.load(ROOT / "conf", ROOT / "tasks").get("runfoo")

    argv = script.command(task.arguments, Here())
    done = subprocess.run(argv, check=True, capture_output=True, text=True)

    assert task.builtin == "runscript"
    assert done.stdout == "foo ran for job none as run none\n"
    assert done.stderr == "what goes to stderr is kept as well\n"


def test_the_script_runs_in_a_task_process_too(host: TaskHost) -> None:
    assert load(host, "runfoo") == {"op": "loaded"}
    host.start_call(env={"PATH": "/usr/bin:/bin"})
    while (message := host.answer())["op"] != "ended":
        assert message["op"] == "limit"

    assert message["exit_code"] == 0
    assert host.out == "foo ran for job none as run none\n"


def test_everything_is_logged_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    try:
        logging.config.fileConfig(ROOT / "conf" / "logging.cfg", disable_existing_loggers=False)
        logging.getLogger("jobsched").debug("server ready")
    finally:
        root.setLevel(before[0])
        root.handlers[:] = before[1]

    assert capsys.readouterr().out.endswith("DEBUG   jobsched server ready\n")
