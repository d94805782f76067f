"""Audit rows are written in batches and never cost an answer."""

import threading
from collections.abc import Iterator, Sequence

import pytest

from jobsched import clock
from jobsched.events import Event, listen
from jobsched.web import audit
from jobsched.web.audit import AuditRow, AuditWriter, flush_all
from tests.support.waiting import until


@pytest.fixture
def told() -> Iterator[list[Event]]:
    events: list[Event] = []
    end = listen(events.append)
    yield events
    end()


def _row(number: int) -> AuditRow:
    return AuditRow(
        at_us=number,
        who="ci",
        source="127.0.0.1",
        what="POST /jobs",
        target="/jobs",
        status=202,
        request_id=str(number),
    )


def test_rows_that_gather_are_written_together_and_in_order() -> None:
    batches: list[list[AuditRow]] = []
    gate = threading.Event()

    def add(rows: Sequence[AuditRow]) -> None:
        batches.append(list(rows))
        gate.wait(10)

    writer = AuditWriter(add)
    writer(_row(0))
    until(lambda: batches)
    for number in range(1, 10):
        writer(_row(number))
    gate.set()

    assert flush_all(10)
    assert [row.at_us for rows in batches for row in rows] == list(range(10))
    assert len(batches) == 2


def test_a_row_waits_for_others_but_not_when_all_must_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit, "GATHER", 60.0)
    batches: list[Sequence[AuditRow]] = []
    writer = AuditWriter(batches.append)
    for number in range(3):
        writer(_row(number))

    assert batches == []
    assert writer.flush()
    assert [row.at_us for rows in batches for row in rows] == [0, 1, 2]


def test_a_database_that_fails_costs_only_its_batch(told: list[Event]) -> None:
    written: list[AuditRow] = []

    def add(rows: Sequence[AuditRow]) -> None:
        if rows[0].at_us == 1:
            raise OSError("no space")
        written.extend(rows)

    writer = AuditWriter(add)
    writer(_row(1))
    assert writer.flush()
    writer(_row(2))

    assert writer.flush()
    assert [row.at_us for row in written] == [2]
    (kept,) = told
    assert (kept.name, kept.fields["who"]) == ("audit kept in the log", "ci")
    assert kept.fields["at"] == clock.from_us(1)


def test_too_many_waiting_rows_go_to_the_log(
    monkeypatch: pytest.MonkeyPatch, told: list[Event]
) -> None:
    monkeypatch.setattr(audit, "MAX_WAITING", 1)
    gate, entered = threading.Event(), threading.Event()

    def add(_rows: Sequence[AuditRow]) -> None:
        entered.set()
        gate.wait(10)

    writer = AuditWriter(add)
    writer(_row(1))
    entered.wait(10)

    assert not writer.flush(0.01)
    writer(_row(2))
    writer(_row(3))
    gate.set()

    assert writer.flush()
    assert [event.name for event in told] == ["audit kept in the log"]
