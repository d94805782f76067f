"""Verdicts on rows: what the evidence of a runner makes of each claimed run."""

from pathlib import Path
from typing import Any

from jobsched.execution.journal import Entry
from jobsched.execution.supervisor.adoption import Witness, from_journal, from_state, judge
from jobsched.execution.supervisor.books import Books
from jobsched.model import EndedBy, RunState
from jobsched.storage.claims import Held

BOOT = "this boot"
KEY = (7, 1)
END = {
    "ended_by": "exit", "exit_code": 3, "signal": None, "started_us": 5, "ended_us": 9,
    "out_bytes": 0, "err_bytes": 0, "counts": {},
}  # fmt: skip


def held(**changes: Any) -> Held:
    values: dict[str, Any] = {
        "run_id": 7,
        "claim": 1,
        "state": RunState.STARTING,
        "runner": "r1",
        "boot_id": BOOT,
        "stop_by": None,
        "stop_reason": None,
    }
    return Held(**(values | changes))


def entry(**changes: Any) -> Entry:
    return Entry(run=7, claim=1, cookie="c", started_us=5, **changes)


def judged(row: Held, witness: Witness, runs: Path) -> Books:
    books = Books()
    judge([row], witness, books, runs)
    return books


def test_a_run_that_its_living_runner_runs_is_adopted(tmp_path: Path) -> None:
    state = [{"run": 7, "claim": 1, "state": "running", "started_us": 5}]

    books = judged(held(), from_state(state, BOOT), tmp_path)

    assert books.hosted[KEY].runner == "r1"
    assert books.started == {KEY: 5}


def test_a_row_that_says_running_already_is_not_confirmed_again(tmp_path: Path) -> None:
    state = [{"run": 7, "claim": 1, "state": "running", "started_us": 5}]

    books = judged(held(state=RunState.RUNNING), from_state(state, BOOT), tmp_path)

    assert books.started == {}


def test_a_run_that_its_living_runner_never_heard_of_is_told_again(tmp_path: Path) -> None:
    books = Books()

    assert judge([held()], from_state([], BOOT), books, tmp_path) == [KEY]


def test_an_end_that_a_living_runner_tells_is_settled(tmp_path: Path) -> None:
    state = [{"run": 7, "claim": 1, "state": "ended", "out": "aGk=", **END, "out_bytes": 2}]

    books = judged(held(), from_state(state, BOOT), tmp_path)

    assert books.ends[KEY].end.exit_code == 3
    assert books.ends[KEY].out == b"hi"


def test_an_end_in_the_journal_of_a_dead_runner_is_settled(tmp_path: Path) -> None:
    books = judged(held(), from_journal({KEY: entry(end=END)}, BOOT), tmp_path)

    assert books.ends[KEY].end.exit_code == 3
    assert books.ends[KEY].end.reason is None


def test_output_that_died_with_its_runner_is_said_to_be_gone(tmp_path: Path) -> None:
    end = {**END, "out_bytes": 5}

    books = judged(held(), from_journal({KEY: entry(end=end)}, BOOT), tmp_path)

    assert "output is gone" in str(books.ends[KEY].end.reason)


def test_a_run_unknown_to_a_dead_runner_goes_back_to_the_queue(tmp_path: Path) -> None:
    books = judged(held(), from_journal({}, BOOT), tmp_path)

    assert KEY in books.returned


def test_a_run_begun_by_a_dead_runner_is_lost(tmp_path: Path) -> None:
    books = judged(held(), from_journal({KEY: entry()}, BOOT), tmp_path)

    assert books.ends[KEY].end.ended_by is EndedBy.LOST


def test_a_run_refused_for_want_of_something_goes_back_to_the_queue(tmp_path: Path) -> None:
    refusal = {"reason": "no memory", "shortage": True}

    books = judged(held(), from_journal({KEY: entry(refused=refusal)}, BOOT), tmp_path)

    assert books.returned == {KEY: "no memory"}


def test_a_run_refused_for_its_own_fault_is_not_started(tmp_path: Path) -> None:
    refusal = {"reason": "no such file", "shortage": False}

    books = judged(held(), from_journal({KEY: entry(refused=refusal)}, BOOT), tmp_path)

    assert books.ends[KEY].end.ended_by is EndedBy.NOT_STARTED


def test_a_run_told_to_stop_before_anyone_knew_it_is_stopped_by_whoever_asked(
    tmp_path: Path,
) -> None:
    row = held(state=RunState.STOPPING, stop_by=EndedBy.KILL, stop_reason="Away.")

    books = judged(row, from_journal({}, BOOT), tmp_path)

    end = books.ends[KEY].end
    assert (end.ended_by, end.reason) == (EndedBy.KILL, "Away.")


def test_what_is_entered_already_is_not_judged_again(tmp_path: Path) -> None:
    books = judged(held(), from_journal({KEY: entry(end=END)}, BOOT), tmp_path)

    judge([held()], from_journal({}, BOOT), books, tmp_path)

    assert books.returned == {}
