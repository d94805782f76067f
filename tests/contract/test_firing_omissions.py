"""What triggers leave out: in the ledger once, beside the moments and never instead of one."""

import pytest

from jobsched.clock import SECOND, from_us
from jobsched.events import Event
from jobsched.model import JobState, Misfire, OccurrenceOutcome, Policy
from jobsched.operations.pausing import resume_plan
from jobsched.storage.occurrences import NewOccurrence
from tests.support.firing import NOON, Scheduling
from tests.support.holes import dig, hole

TEN = 10 * SECOND
NO_GRACE = Policy(misfire=Misfire(grace=None))


def _told(scheduling: Scheduling, job_key: int) -> int | None:
    return scheduling.store.firing.seen([job_key])[job_key]


def test_what_was_omitted_is_entered_once_with_the_next_moment(
    scheduling: Scheduling, monkeypatch: pytest.MonkeyPatch, told: list[Event]
) -> None:
    dig(monkeypatch, hole(NOON + 3 * SECOND, total=4), hole(NOON + 33 * SECOND, note="a gap"))
    job = scheduling.add(policy=Policy(max_instances=9))

    for _ in range(4):
        scheduling.fire(10)

    entries = scheduling.ledger(job)
    assert [(entry.outcome.value, entry.count, entry.reason) for entry in entries] == [
        ("skipped", 4, "Christmas Day"), ("ran", 1, None), ("ran", 1, None), ("ran", 1, None),
        ("skipped", 1, "a gap"), ("ran", 1, None),
    ]  # fmt: skip
    assert entries[0].last_due_at == from_us(NOON + 6 * SECOND)
    assert entries[4].last_due_at is None
    assert len(scheduling.runs(job)) == 4
    assert _told(scheduling, job.key) == scheduling.moment.us
    assert "run skipped" not in [event.name for event in told]


def test_a_job_that_omits_nothing_is_never_marked(scheduling: Scheduling) -> None:
    job = scheduling.add()

    scheduling.fire(10)

    assert _told(scheduling, job.key) == NOON


def test_what_might_omit_but_does_not_fires_with_the_others_and_is_marked_once_a_week(
    scheduling: Scheduling, monkeypatch: pytest.MonkeyPatch
) -> None:
    dig(monkeypatch)
    job = scheduling.add(policy=NO_GRACE)

    scheduling.fire(10)
    scheduling.finish_runs(job)
    first = _told(scheduling, job.key)
    scheduling.moment.go(8 * 86_400)
    scheduling.fire()

    assert first == NOON
    assert _told(scheduling, job.key) == scheduling.moment.us
    assert len(scheduling.runs(job)) == 2


@pytest.mark.parametrize("at", [10, 20, 30])
def test_an_omission_at_a_moment_that_happens_does_not_take_its_run(
    scheduling: Scheduling, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    dig(monkeypatch, hole(NOON + at * SECOND))
    job = scheduling.add(policy=Policy(max_instances=9))

    for _ in range(3):
        scheduling.fire(10)

    assert [due - NOON for _, due, _ in scheduling.runs(job)] == [TEN, 2 * TEN, 3 * TEN]
    assert scheduling.outcomes(job) == [("ran", 1)] * 3


def test_a_moment_where_something_was_omitted_runs_and_replaces_the_entry(
    scheduling: Scheduling,
) -> None:
    entries = [
        NewOccurrence(
            due_us=NOON + TEN,
            outcome=OccurrenceOutcome.SKIPPED,
            reason="Christmas Day",
            last_us=NOON + TEN + 5,
            count=6,
            omitted=True,
        )
    ]
    ordinary, single = scheduling.add(), scheduling.add({"interval": {"seconds": 10}, "count": 1})
    for job in (ordinary, single):
        scheduling.store.jobs.change(job.id, None, {"description": "x"}, entries)

    scheduling.fire(10)

    for job in (ordinary, single):
        [entry] = scheduling.ledger(job)
        assert (entry.outcome.value, entry.reason, entry.count) == ("ran", None, 1)
        assert entry.last_due_at is None
        assert [run_id for run_id, *_ in scheduling.runs(job)] == [entry.run_id]


def test_a_moment_that_was_skipped_is_not_fired_again(scheduling: Scheduling) -> None:
    skipped = NewOccurrence(due_us=NOON + TEN, outcome=OccurrenceOutcome.SKIPPED, reason="paused")
    job = scheduling.add()
    scheduling.store.jobs.change(job.id, None, {"description": "x"}, [skipped])

    scheduling.fire(10)

    assert scheduling.runs(job) == []
    assert scheduling.ledger(job)[0].reason == "paused"


def test_with_its_last_moment_a_job_tells_what_is_left_until_its_end(
    scheduling: Scheduling, monkeypatch: pytest.MonkeyPatch
) -> None:
    dig(monkeypatch, hole(NOON + 15 * SECOND), hole(NOON + 25 * SECOND))
    end = from_us(NOON + 19 * SECOND).isoformat()
    job = scheduling.add({"interval": {"seconds": 10}, "end": end})

    scheduling.fire(10)

    assert scheduling.job(job).state is JobState.FINISHED
    assert scheduling.outcomes(job) == [("ran", 1), ("skipped", 1)]


def test_a_pause_tells_its_moments_and_the_calendar_its_own(
    scheduling: Scheduling, monkeypatch: pytest.MonkeyPatch
) -> None:
    dig(monkeypatch, hole(NOON + 33 * SECOND, total=3))
    job = scheduling.add(policy=NO_GRACE)
    end = NOON + 65 * SECOND
    pause = {
        "state": JobState.PAUSED,
        "state_reason": "paused by ada",
        "paused_us": NOON + TEN,
        "paused_until_us": end,
        "next_us": end,
    }
    scheduling.store.jobs.change(job.id, None, pause)

    scheduling.fire(65)
    scheduling.fire(5)

    told = [(entry.outcome.value, entry.count, entry.reason) for entry in scheduling.ledger(job)]
    assert told == [
        ("skipped", 6, "paused by ada"), ("skipped", 3, "Christmas Day"), ("ran", 1, None),
    ]  # fmt: skip


def test_a_clock_that_goes_back_tells_nothing_twice(
    scheduling: Scheduling, monkeypatch: pytest.MonkeyPatch
) -> None:
    dig(monkeypatch, hole(NOON + 3 * SECOND), hole(NOON + 1805 * SECOND))
    job = scheduling.add(policy=Policy(max_instances=999))
    scheduling.fire(10)
    scheduling.fire(3590)
    before = scheduling.outcomes(job)

    scheduling.fire(-3600)
    scheduling.fire(20)

    assert scheduling.outcomes(job)[: len(before)].count(("skipped", 1)) == 2
    assert scheduling.outcomes(job).count(("skipped", 1)) == 2
    assert len({due for _, due, _ in scheduling.runs(job)}) == len(scheduling.runs(job))
    assert _told(scheduling, job.key) == NOON + 3600 * SECOND


def test_a_blocked_job_tells_what_it_could_not_run_when_it_goes_on(
    scheduling: Scheduling,
) -> None:
    job = scheduling.add()
    sound = job.trigger
    scheduling.store.jobs.change(job.id, None, {"trigger": {"moon": "full"}})
    scheduling.fire(10)
    blocked = scheduling.store.jobs.change(job.id, None, {"trigger": sound})

    columns, [entry] = resume_plan(blocked)

    assert blocked.paused_from == from_us(NOON + TEN)
    assert (entry.due_us, entry.outcome) == (NOON + TEN, OccurrenceOutcome.SKIPPED)
    assert "moon" in str(entry.reason)
    assert columns["state"] is JobState.ACTIVE
