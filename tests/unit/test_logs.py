"""Logs: an event is one line, and the logging file decides what it looks like."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from jobsched import events, logs
from jobsched.errors import ConfigurationError
from jobsched.events import Event
from tests.unit.settings.test_logging_file import INI, YAML


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("jobsched")
    before = (list(root.handlers), root.level, ours.level)
    yield
    root.handlers[:], root.level = before[0], before[1]
    ours.setLevel(before[2])


def event(level: int = logging.INFO, **fields: object) -> Event:
    return Event(name="run finished", level=level, fields=fields)


def test_an_event_is_its_name_and_its_fields_in_order() -> None:
    finished = event(job="backup", run=812, outcome="stopped", signal=15, seconds=2.5)

    assert (
        logs.line(finished)
        == "run finished job=backup run=812 outcome=stopped signal=15 seconds=2.500"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ('say "x"', '"say \\"x\\""'),
        ("", '""'),
        ("line\r\nrun finished run=1", '"line\\r\\nrun finished run=1"'),
        ("\x1b[31m", '"\\u001b[31m"'),
        ("a\u2028b\x85c\u202ed", '"a\\u2028b\\u0085c\\u202ed"'),
        ("\udcff", '"\\udcff"'),
        ("Zürich", "Zürich"),
        (True, "true"),
        (["a", "b"], "a,b"),
        (Path("/x y"), '"/x y"'),
        (
            datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=1))),
            "2026-01-02T02:00:00.000000Z",
        ),
    ],
)
def test_a_value_stays_on_its_line_and_in_its_place(value: object, shown: str) -> None:
    assert logs.line(event(value=value)) == f"run finished value={shown}"


def test_what_is_unknown_is_left_out() -> None:
    assert logs.line(event(signal=None, run=1)) == "run finished run=1"


def test_an_endless_value_is_cut() -> None:
    line = logs.line(event(output="x" * 1_000_000))

    assert len(line) < 33_000
    assert line.endswith('(and 967232 more characters)"')


def test_without_a_file_everything_goes_to_stdout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(tmp_path)

    logs.log(event(logging.DEBUG, run=1))

    assert capsys.readouterr().out.endswith("DEBUG run finished run=1\n")


@pytest.mark.parametrize(("name", "text"), [("logging.cfg", INI), ("logging.yaml", YAML)])
def test_the_formatter_of_the_file_decides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str
) -> None:
    (tmp_path / name).write_text(text.replace("%(message)s", "<%(message)s>"))

    logs.configure(tmp_path)
    logs.log(event(run=1))

    assert "<run finished run=1>\n" in capsys.readouterr().out


def test_a_handler_that_cannot_be_made_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "logging.cfg").write_text(INI.replace("StreamHandler", "FileHandler"))

    with pytest.raises(ConfigurationError, match="cannot be applied"):
        logs.configure(tmp_path)


def test_libraries_do_not_tell_of_their_inner_life(tmp_path: Path) -> None:
    logs.configure(tmp_path)

    assert not logging.getLogger("alembic.runtime").isEnabledFor(logging.DEBUG)


def test_published_events_are_logged_once_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = list(events._listeners)
    logs.start(tmp_path)

    events.publish(event(run=7, at=datetime(2026, 1, 1, tzinfo=UTC)))

    events._listeners[:] = before
    assert "run finished run=7 at=2026-01-01T00:00:00.000000Z" in capsys.readouterr().out
