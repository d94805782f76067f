"""Every end of a run, and every state of a service, has the word of the tables."""

import pytest

from jobsched.model import EndedBy, RunState, ServiceState
from jobsched.web.kudu import words
from tests.support.values import run_of

ABORTED = set(EndedBy) - {EndedBy.EXIT, EndedBy.NOT_STARTED}


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (RunState.QUEUED, "Initializing"),
        (RunState.STARTING, "Initializing"),
        (RunState.RUNNING, "Running"),
        (RunState.STOPPING, "Running"),
    ],
)
def test_a_living_run(state: RunState, word: str) -> None:
    assert words.of_run(run_of(state=state)) == word


@pytest.mark.parametrize(
    ("ended_by", "code", "word"),
    [
        (EndedBy.EXIT, 0, "Success"),
        (EndedBy.EXIT, 3, "Failed"),
        (EndedBy.EXIT, None, "Failed"),
        (EndedBy.NOT_STARTED, None, "Failed"),
        *((cause, code, "Aborted") for cause in sorted(ABORTED) for code in (None, 0)),
    ],
)
def test_an_ended_run(ended_by: EndedBy, code: int | None, word: str) -> None:
    run = run_of(state=RunState.DONE, ended_by=ended_by, exit_code=code)

    assert words.of_run(run) == word


def test_the_last_machine_counts_that_does_not_stand_by() -> None:
    running, waiting, by = ServiceState.RUNNING, ServiceState.WAITING, ServiceState.INACTIVE

    assert words.of_continuous([running, by], wanted=True) == "Running"
    assert words.of_continuous([running, waiting, by], wanted=True) == "PendingRestart"
    assert words.of_continuous([by, by], wanted=True) == "InactiveInstance"


def test_what_no_machine_has_looked_at_is_as_wanted() -> None:
    assert words.of_continuous([], wanted=True) == "Initializing"
    assert words.of_continuous([ServiceState.STOPPED], wanted=True) == "Initializing"
    assert words.of_continuous([ServiceState.STOPPED], wanted=False) == "Stopped"
    assert words.of_continuous([], wanted=False) == "Stopped"


def test_every_state_has_a_word() -> None:
    assert {words.of_instance(state) for state in ServiceState} == {
        "Starting", "Running", "PendingRestart", "InactiveInstance", "Stopping", "Stopped",
    }  # fmt: skip
