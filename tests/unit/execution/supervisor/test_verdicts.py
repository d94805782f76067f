"""The verdict table: every combination of lock, journal, boot and stop request."""

import itertools

import pytest

from jobsched.execution.supervisor.verdicts import Evidence, Trace, Verdict, lost_reason, verdict

HELD, FREE, SAME, OTHER = True, False, True, False


@pytest.mark.parametrize(
    ("lock_held", "trace", "same_boot", "expected"),
    [
        (HELD, Trace.STARTED, SAME, Verdict.ADOPT),
        (HELD, Trace.NOTHING, SAME, Verdict.TELL),
        (FREE, Trace.NOTHING, SAME, Verdict.REQUEUE),
        (FREE, Trace.STARTED, SAME, Verdict.LOST),
        (HELD, Trace.STARTED, OTHER, Verdict.LOST),
        (HELD, Trace.NOTHING, OTHER, Verdict.LOST),
        (FREE, Trace.STARTED, OTHER, Verdict.LOST),
        (FREE, Trace.NOTHING, OTHER, Verdict.LOST),
    ],
)
def test_a_run_without_an_end_is_judged_by_lock_trace_and_boot(
    lock_held: bool, trace: Trace, same_boot: bool, expected: Verdict
) -> None:
    evidence = Evidence(lock_held=lock_held, trace=trace, same_boot=same_boot)

    assert verdict(evidence) is expected


@pytest.mark.parametrize("flags", list(itertools.product([True, False], repeat=3)))
def test_an_end_in_the_journal_is_always_the_truth(flags: tuple[bool, bool, bool]) -> None:
    lock_held, same_boot, stop_asked = flags
    evidence = Evidence(
        lock_held=lock_held, trace=Trace.ENDED, same_boot=same_boot, stop_asked=stop_asked
    )

    assert verdict(evidence) is Verdict.FINISHED


@pytest.mark.parametrize("lock_held", [True, False])
def test_a_run_told_to_stop_before_it_ran_is_stopped_and_never_started(lock_held: bool) -> None:
    evidence = Evidence(lock_held=lock_held, trace=Trace.NOTHING, same_boot=True, stop_asked=True)

    assert verdict(evidence) is Verdict.STOPPED


def test_a_living_run_that_was_told_to_stop_is_adopted_and_a_dead_one_is_lost() -> None:
    alive = Evidence(lock_held=True, trace=Trace.STARTED, same_boot=True, stop_asked=True)
    dead = Evidence(lock_held=False, trace=Trace.STARTED, same_boot=True, stop_asked=True)

    assert verdict(alive) is Verdict.ADOPT
    assert verdict(dead) is Verdict.LOST


def test_a_lost_run_is_told_why_in_one_sentence() -> None:
    assert lost_reason(same_boot=False).startswith("The machine restarted")
    assert "by cgroup" in lost_reason(same_boot=True, swept="cgroup")
