"""What holds for every test: it leaves no process behind."""

import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.support.processes import end_all, newest, processes_of
from tests.support.waiting import until

# How long an example takes is a matter of the machine; whole tests have their time limit.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_configure() -> None:
    """Take SIGTERM, of timeout(1) say, like Ctrl-C: the fixtures still end their servers."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _nothing_survives_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail when a process of any test's folder lives on, also of those shared by a module."""
    yield
    _none_left(tmp_path_factory.getbasetemp())


@pytest.fixture(autouse=True)
def _nothing_survives_the_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the very test that leaves a process of its folder; set up first, hence ended last."""
    if "tmp_path" not in request.fixturenames:
        yield
        return
    folder: Path = request.getfixturevalue("tmp_path")
    before = newest()
    yield
    _none_left(folder, before)


def _none_left(folder: Path, after: int = 0) -> None:
    """Let what has been signalled end; then end the rest, for the machine's sake, and complain."""
    try:
        until(lambda: not processes_of(folder, after), 5)
    except AssertionError:
        left = end_all(folder)
        pytest.fail("left behind:\n" + "\n".join(left), pytrace=False)
