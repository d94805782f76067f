"""The processes that most of these tests speak with, started and ended."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.runner import RunnerClient, running_runner
from tests.support.services import Services
from tests.support.task_host import TaskHost
from tests.support.tasks import TASKS, Tasks


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[RunnerClient]:
    with running_runner(tmp_path / "r1") as client:
        yield client


@pytest.fixture
def host(tmp_path: Path) -> Iterator[TaskHost]:
    with TaskHost(tmp_path) as host:
        yield host


@pytest.fixture
def tasks_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "a.py").write_text(TASKS)
    return folder


@pytest.fixture(params=[True, False], ids=["warm", "fork"])
def warm(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def tasks(runner: RunnerClient, tasks_dir: Path) -> Tasks:
    return Tasks(runner, tasks_dir)


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    services = Services(tmp_path)
    yield services
    services.site.close()
