"""What is told about runs: their output line by line, then their end."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from jobsched import events
from jobsched.events import Event
from jobsched.execution.places import output_path
from jobsched.execution.supervisor.telling import MOST_BYTES, in_order, tell_finished
from jobsched.model import End, EndedBy, RunState
from jobsched.storage.claims import Settled, Settlement
from tests.support.values import MOMENT, run_of


@pytest.fixture
def told() -> Iterator[list[Event]]:
    heard: list[Event] = []
    stop = events.listen(heard.append)
    yield heard
    stop()


def finished(exit_code: int = 0) -> Settled:
    run = run_of(
        job_id="a-b",
        state=RunState.DONE,
        started_at=MOMENT,
        ended_at=MOMENT + timedelta(seconds=2.5),
        ended_by=EndedBy.EXIT,
        exit_code=exit_code,
    )
    return Settled(run=run, retry_run_id=None)


def settlement(
    out: bytes | None = None, err: bytes | None = None, out_bytes: int = 0
) -> Settlement:
    end = End(
        run_id=12345,
        claim=2,
        ended_by=EndedBy.EXIT,
        exit_code=0,
        out_bytes=out_bytes or len(out or b""),
        err_bytes=len(err or b""),
    )
    return Settlement(end=end, out=out, err=err)


def test_the_end_of_a_run_is_told_in_a_fixed_order(told: list[Event], tmp_path: Path) -> None:
    tell_finished(finished(), settlement(), tmp_path)

    assert [event.name for event in told] == ["run finished"]
    assert list(told[0].fields.items()) == [
        ("job", "a-b"),
        ("run", 12345),
        ("task", "hello"),
        ("outcome", "succeeded"),
        ("exit_code", 0),
        ("seconds", "2.500"),
    ]
    assert told[0].level == logging.INFO


def test_a_run_that_failed_is_a_warning(told: list[Event], tmp_path: Path) -> None:
    tell_finished(finished(exit_code=3), settlement(), tmp_path)

    assert told[0].level == logging.WARNING
    assert told[0].fields["exit_code"] == 3


def test_each_line_of_output_is_told_with_the_job(told: list[Event], tmp_path: Path) -> None:
    tell_finished(finished(), settlement(out=b"one\ntwo", err=b"bad \xff\n"), tmp_path)

    lines = [event.fields for event in told if event.name == "run output"]
    assert [(fields["stream"], fields["line"]) for fields in lines] == [
        ("out", "one"),
        ("err", "bad �"),
        ("out", "two"),
    ]
    assert {fields["job"] for fields in lines} == {"a-b"}


def test_of_long_output_in_files_the_end_is_told(told: list[Event], tmp_path: Path) -> None:
    stem = output_path(tmp_path, 12345, 2)
    stem.parent.mkdir()
    Path(f"{stem}.out").write_bytes(b"".join(b"%07d\n" % n for n in range(20_000)))

    tell_finished(finished(), settlement(out_bytes=160_000), tmp_path)

    lines = [str(event.fields["line"]) for event in told if event.name == "run output"]
    assert lines[-1] == "0019999"
    assert all(len(line) == 7 for line in lines)
    assert len(lines) * 8 <= MOST_BYTES


def test_output_that_is_gone_keeps_nobody_from_hearing_the_end(
    told: list[Event], tmp_path: Path
) -> None:
    tell_finished(finished(), settlement(out_bytes=5), tmp_path)

    assert [event.name for event in told] == ["run finished"]


@pytest.mark.parametrize(
    ("out", "err", "chunks", "expected"),
    [
        (b"a\nb\n", b"x\n", "o2e2o2", [("out", b"a"), ("err", b"x"), ("out", b"b")]),
        (b"a\nb\n", b"x\n", None, [("out", b"a"), ("out", b"b"), ("err", b"x")]),
        (b"ab\n", b"x\n", "o1e2o2", [("err", b"x"), ("out", b"ab")]),
        (b"a", b"x", "o1e1", [("out", b"a"), ("err", b"x")]),
        (b"", b"", None, []),
    ],
)
def test_lines_come_in_the_order_in_which_they_were_completed(
    out: bytes, err: bytes, chunks: str | None, expected: list[tuple[str, bytes]]
) -> None:
    assert list(in_order(out, err, chunks)) == expected
