"""The two processes that most of these tests speak with, started and ended."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.runner import RunnerClient, running_runner
from tests.support.task_host import TaskHost


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[RunnerClient]:
    with running_runner(tmp_path / "r1") as client:
        yield client


@pytest.fixture
def host(tmp_path: Path) -> Iterator[TaskHost]:
    with TaskHost(tmp_path) as host:
        yield host
