"""Calendars that change while jobs name them: planned anew from now on, and nothing lost."""

from collections.abc import Iterator

import pytest

from jobsched.clock import SECOND, from_us
from jobsched.events import Event
from jobsched.model import Job, JobState, Misfire, Policy
from jobsched.scheduling.almanac import Almanac
from jobsched.storage import Store
from jobsched.storage.decisions import LeaseLost
from jobsched.triggers import IntervalTrigger
from tests.support.closed_days import Office, closed
from tests.support.firing import NOON, Scheduling

DAY = 86_400 * SECOND
NINE = 1_700_038_800 * SECOND  # 15 November 2023, 09:00
DAILY = {"interval": {"days": 1}, "start": "2023-11-15T09:00:00Z", "calendars": ["holidays"]}
MANY = Policy(max_instances=99, misfire=Misfire(grace=None))


@pytest.fixture
def office() -> Office:
    return Office(closed("2023-11-16"))


@pytest.fixture
def scheduling(store: Store, office: Office) -> Iterator[Scheduling]:
    scheduling = Scheduling(store, almanac=office.almanac)
    yield scheduling
    scheduling.firer.leader.resign()


def _go_to(scheduling: Scheduling, us: int) -> None:
    scheduling.moment.us = us
    scheduling.fire()


def _told(scheduling: Scheduling, job: Job) -> list[tuple[int, str, str | None]]:
    """Return the days since 15 November, outcomes and reasons in the ledger."""
    return [
        ((entry.due_at - from_us(NINE)).days, entry.outcome.value, entry.reason)
        for entry in scheduling.ledger(job)
    ]


def _next_day(scheduling: Scheduling, job: Job) -> int | None:
    found = scheduling.job(job).next_run
    return None if found is None else (found - from_us(NINE)).days


def test_a_closed_day_is_passed_over_and_told(scheduling: Scheduling) -> None:
    job = scheduling.add(DAILY, policy=MANY)

    for day in range(3):
        _go_to(scheduling, NINE + day * DAY)

    [(_, first, _), (_, second, why), (_, third, _)] = _told(scheduling, job)
    assert (first, second, third) == ("ran", "skipped", "ran")
    assert "holidays 2023-11-16" in str(why)
    assert len(scheduling.runs(job)) == 2


def test_a_reload_moves_what_is_planned(scheduling: Scheduling, office: Office) -> None:
    job = scheduling.add(DAILY, policy=MANY)
    assert _next_day(scheduling, job) == 0

    office.reload(scheduling.store, closed("2023-11-15"))
    scheduling.fire()
    assert _next_day(scheduling, job) == 1
    office.reload(scheduling.store, closed())
    scheduling.fire()

    assert _next_day(scheduling, job) == 0
    assert scheduling.ledger(job) == []


def test_new_calendars_do_not_change_what_is_past(scheduling: Scheduling, office: Office) -> None:
    job = scheduling.add(DAILY, policy=MANY)
    _go_to(scheduling, NINE)
    _go_to(scheduling, NINE + DAY + SECOND)  # the closed day, a second after the omitted moment

    office.reload(scheduling.store, closed("2023-11-15", "2023-11-18"))
    scheduling.fire()
    for day in (2, 3, 4):
        _go_to(scheduling, NINE + day * DAY)

    told = [(day, outcome) for day, outcome, _ in _told(scheduling, job)]
    assert told == [(0, "ran"), (1, "skipped"), (2, "ran"), (3, "skipped"), (4, "ran")]


def test_a_job_whose_calendar_is_gone_is_blocked_until_it_is_back(
    scheduling: Scheduling, office: Office, told: list[Event]
) -> None:
    job = scheduling.add(DAILY, policy=MANY)
    office.reload(scheduling.store, {})
    _go_to(scheduling, NINE - SECOND)

    blocked = scheduling.job(job)
    _go_to(scheduling, NINE + SECOND)
    office.reload(scheduling.store, closed("2023-11-16"))
    scheduling.fire()

    assert (blocked.state, blocked.next_run) == (JobState.BLOCKED, None)
    assert "holidays" in str(blocked.state_reason)
    again = scheduling.job(job)
    assert (again.state, again.state_reason, again.paused_from) == (JobState.ACTIVE, None, None)
    assert _next_day(scheduling, job) == 2
    assert _told(scheduling, job) == [(0, "skipped", blocked.state_reason)]
    names = [event.name for event in told]
    assert names.count("job blocked") == names.count("job resumed") == 1


def test_a_job_that_is_due_when_its_calendar_goes_is_blocked_too(
    scheduling: Scheduling, office: Office
) -> None:
    job = scheduling.add(DAILY, policy=MANY)
    office.reload(scheduling.store, {})

    _go_to(scheduling, NINE + SECOND)

    assert scheduling.job(job).state is JobState.BLOCKED
    assert scheduling.job(job).paused_from == from_us(NINE)


def test_a_broken_file_leaves_the_calendars_as_they_were(
    scheduling: Scheduling, office: Office, told: list[Event]
) -> None:
    job = scheduling.add(DAILY, policy=MANY)
    office.reload(scheduling.store, None)

    _go_to(scheduling, NINE)

    assert _next_day(scheduling, job) == 2
    refused = [event for event in told if event.name == "configuration refused"]
    assert [event.fields["part"] for event in refused] == ["scheduler"]


def test_a_scheduler_that_starts_late_runs_what_is_overdue(store: Store) -> None:
    before = Scheduling(store, almanac=Almanac(closed("2023-11-16")))
    job = before.add(DAILY, policy=MANY)

    after = Scheduling(store, almanac=Almanac(closed("2023-11-17")))
    _go_to(after, NINE + 3 * SECOND)

    assert [due for _, due, _ in after.runs(job)] == [NINE]
    assert _next_day(after, job) == 1
    after.firer.leader.resign()


def test_what_changed_while_nothing_was_running_counts_from_the_start(store: Store) -> None:
    before = Scheduling(store, almanac=Almanac(closed()))
    job = before.add(DAILY, policy=MANY)

    after = Scheduling(store, almanac=Almanac(closed("2023-11-15")))
    after.fire()

    assert _next_day(after, job) == 1
    after.firer.leader.resign()


def test_a_paused_job_stays_paused_and_tells_what_was_omitted_so_far(
    scheduling: Scheduling, office: Office
) -> None:
    pause = {"state": JobState.PAUSED, "state_reason": "paused by ada", "paused_us": NINE}
    job = scheduling.add(DAILY, policy=MANY, next_us=None)
    scheduling.store.jobs.change(job.id, None, pause)
    scheduling.fire()

    office.reload(scheduling.store, closed("2023-11-15", "2023-11-20"))
    _go_to(scheduling, NINE + 2 * DAY)

    paused = scheduling.job(job)
    assert (paused.state, paused.state_reason) == (JobState.PAUSED, "paused by ada")
    assert (paused.paused_from, paused.next_run) == (from_us(NINE), None)
    assert [(day, outcome) for day, outcome, _ in _told(scheduling, job)] == [(1, "skipped")]


def test_the_last_day_closed_ends_the_job_and_says_why(
    scheduling: Scheduling, office: Office, told: list[Event]
) -> None:
    job = scheduling.add({**DAILY, "end": "2023-11-15T10:00:00Z"})
    office.reload(scheduling.store, closed("2023-11-15"))

    scheduling.fire()

    assert scheduling.job(job).state is JobState.FINISHED
    [(day, outcome, why)] = _told(scheduling, job)
    assert (day, outcome) == (0, "skipped")
    assert "2023-11-15" in str(why)
    assert "job finished" in [event.name for event in told]


def test_a_job_that_somebody_changes_meanwhile_is_planned_again(
    scheduling: Scheduling, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, other = scheduling.add(DAILY, policy=MANY), scheduling.add(DAILY, policy=MANY)
    scheduling.fire()
    firing, asked = scheduling.store.firing, scheduling.store.firing.seen

    def change_first(keys: list[int]) -> dict[int, int | None]:
        monkeypatch.undo()
        scheduling.store.jobs.change(job.id, None, {"description": "changed"})
        return asked(keys)

    monkeypatch.setattr(firing, "seen", change_first)
    office.reload(scheduling.store, closed("2023-11-15"))
    scheduling.fire()

    assert scheduling.job(job).description == "changed"
    assert [_next_day(scheduling, each) for each in (job, other)] == [1, 1]


def test_a_lead_that_is_lost_while_planning_leaves_it_to_the_next_look(
    scheduling: Scheduling, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = scheduling.add(DAILY, policy=MANY)
    scheduling.fire()
    leader = scheduling.firer.leader
    lease = leader.lease()
    assert lease is not None
    office.reload(scheduling.store, closed("2023-11-15"))

    def lose(*args: object) -> None:
        monkeypatch.undo()
        raise LeaseLost("Another scheduler has taken the lead.")

    monkeypatch.setattr(scheduling.store.firing, "commit", lose)
    with pytest.raises(LeaseLost):
        scheduling.cycle.look(lease)
    assert _next_day(scheduling, job) == 0
    scheduling.cycle.look(lease)

    assert _next_day(scheduling, job) == 1


def test_more_jobs_than_a_page_are_all_planned_anew(
    scheduling: Scheduling, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobsched.scheduling.replanning.PAGE", 2)
    jobs = [scheduling.add(DAILY, policy=MANY) for _ in range(5)]
    free = scheduling.add()
    office.reload(scheduling.store, closed("2023-11-15"))

    scheduling.fire()

    assert [_next_day(scheduling, job) for job in jobs] == [1] * 5
    assert scheduling.job(free).next_run == from_us(NOON + 10 * SECOND)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every interval with jitter fail."""

    class Faulty(IntervalTrigger):
        __slots__ = ()

        def next_after(self, us: int) -> int | None:
            if self.jitter_us:
                raise ZeroDivisionError("a fault")
            return IntervalTrigger.next_after(self, us)

    monkeypatch.setattr("jobsched.triggers.TRIGGERS", (Faulty,))


def test_a_trigger_that_fails_at_a_reload_blocks_its_job_alone(
    scheduling: Scheduling, office: Office, request: pytest.FixtureRequest
) -> None:
    job, sound = scheduling.add({**DAILY, "jitter": 1}), scheduling.add(DAILY)
    scheduling.fire()
    request.getfixturevalue("faulty")
    office.reload(scheduling.store, closed("2023-11-15"))

    scheduling.fire()

    assert scheduling.job(job).state is JobState.BLOCKED
    assert "ZeroDivisionError: a fault" in str(scheduling.job(job).state_reason)
    assert _next_day(scheduling, sound) == 1


def test_a_trigger_that_fails_when_the_clock_goes_back_keeps_nobody_else(
    scheduling: Scheduling, request: pytest.FixtureRequest
) -> None:
    job, sound = scheduling.add({**DAILY, "jitter": 1}), scheduling.add()
    scheduling.fire()
    request.getfixturevalue("faulty")

    scheduling.fire(-3600)

    assert _next_day(scheduling, job) == 0
    moved = scheduling.job(sound).next_run
    assert moved is not None
    assert moved <= from_us(scheduling.moment.us + 10 * SECOND)
