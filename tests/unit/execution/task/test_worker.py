"""What a worker does between runs, and how it words an end."""

import os

import pytest

from jobsched.execution.task import worker


def test_the_environment_becomes_exactly_that_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(os.environ)
    monkeypatch.setenv("GONE", "1")
    monkeypatch.setenv("CHANGED", "1")

    try:
        worker.replace_environment({"CHANGED": "2", "NEW": "3"})
        during = dict(os.environ)
    finally:
        worker.replace_environment(before)

    assert during == {"CHANGED": "2", "NEW": "3"}


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("bad value"), "ValueError: bad value"),
        (ValueError("two\n  lines"), "ValueError: two lines"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (ValueError("x" * 1000), "ValueError: " + "x" * 287 + "…"),
    ],
)
def test_an_exception_is_one_line(error: BaseException, sentence: str) -> None:
    assert worker._sentence(error) == sentence


@pytest.mark.parametrize(
    ("code", "end"),
    [
        (None, (0, None)),
        (0, (0, None)),
        (False, (0, None)),
        (256, (0, None)),
        (3, (3, "The task called sys.exit(3).")),
        (-1, (255, "The task called sys.exit(-1).")),
        ("text", (1, "The task called sys.exit('text').")),
    ],
)
def test_leaving_gives_the_exit_code_of_python(code: object, end: tuple[int, str | None]) -> None:
    assert worker._left(SystemExit(code)) == end


def test_a_process_without_children_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: int) -> None:
        raise ChildProcessError

    monkeypatch.setattr(os, "waitid", nobody)
    assert not worker._has_children()
    monkeypatch.setattr(os, "waitid", lambda *_: None)
    assert worker._has_children()
