"""Changing the schedule of a job of which moments are overdue: each is told, or still runs."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from jobsched import clock
from jobsched.catalog import Catalog
from jobsched.clock import SECOND
from jobsched.model import CatchUp, Job, Misfire, Mode, Policy
from jobsched.operations.announce import Announcer
from jobsched.operations.changing import Change, Changes
from jobsched.operations.configuration import Configuration
from jobsched.operations.overdue import CHANGED
from jobsched.operations.scheduling import Scheduling as Switch
from jobsched.settings import Settings
from jobsched.storage import Store
from jobsched.triggers import parse
from tests.support.firing import NOON, Scheduling

EVERY_SECOND = {"cron": "* * * * * *"}

Put = Callable[..., Job]


@pytest.fixture
def put(store: Store, scheduling: Scheduling, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Changes a job at the present of *scheduling*."""
    monkeypatch.setattr(clock, "now_us", scheduling.moment)
    settings = Settings(conf_dir=Path("conf"), tasks_dir=Path("tasks"), data_dir=Path("var"))
    announce = Announcer(lambda _topic: None)
    changes = Changes(store, Configuration(settings, Catalog({})), announce)

    def put(job: Job, paused: bool | None = None, mode: Mode | None = None, **keys: object) -> Job:
        return changes.change(job.id, Change(trigger=keys, paused=paused, mode=mode), "ada")

    return put


@pytest.fixture
def switch(store: Store) -> Switch:
    """The pause of all scheduling."""
    return Switch(store, Announcer(lambda _topic: None))


def told(scheduling: Scheduling, job: Job) -> list[tuple[float, str, int, str | None]]:
    """Return second, outcome, count and reason of every entry, oldest first."""
    return [
        (
            (clock.to_us(entry.due_at) - NOON) / SECOND,
            entry.outcome.value,
            entry.count,
            entry.reason,
        )
        for entry in scheduling.ledger(job)
    ]


def test_a_moment_just_past_still_runs_although_the_new_schedule_lacks_it(
    scheduling: Scheduling, put: Put
) -> None:
    job = scheduling.add({"cron": "*/7 * * * * *"})
    scheduling.moment.us = clock.to_us(job.next_run) + 1000  # type: ignore[arg-type]

    changed = put(job, cron="0 9 * * *")
    scheduling.fire()

    assert changed.next_run == job.next_run
    assert [row[1] for row in told(scheduling, job)] == ["ran"]
    assert len(scheduling.runs(job)) == 1
    nine = parse({"cron": "0 9 * * *"}, created_us=NOON).first(scheduling.moment.us)
    assert nine is not None
    assert scheduling.job(job).next_run == clock.from_us(nine)


def test_a_change_that_leaves_the_moments_leaves_them_to_the_scheduler(
    scheduling: Scheduling, put: Put
) -> None:
    job = scheduling.add(EVERY_SECOND, policy=Policy(misfire=Misfire(catch_up=CatchUp.ALL)))
    scheduling.moment.go(5.5)

    changed = put(job, dst="skip")
    scheduling.fire()

    assert changed.next_run == job.next_run
    assert sum(row[2] for row in told(scheduling, job)) == 5


def test_what_is_too_late_or_overtaken_is_told_as_the_scheduler_would_have(
    scheduling: Scheduling, put: Put
) -> None:
    job = scheduling.add(EVERY_SECOND, policy=Policy(misfire=Misfire(grace=2)))
    scheduling.moment.go(5.5)

    put(job, cron="0 9 * * *")
    scheduling.fire()

    assert told(scheduling, job) == [
        (1, "missed", 3, "more than 2 s late"),
        (4, "coalesced", 1, "a newer moment took its place"),
        (5, "ran", 1, None),
    ]


def test_a_moment_is_missed_when_the_new_schedule_has_been_due_since(
    scheduling: Scheduling, put: Put
) -> None:
    job = scheduling.add({"cron": "0/20 * * * * *"})
    due = clock.to_us(job.next_run)  # type: ignore[arg-type]
    scheduling.moment.us = due + 3 * SECOND + 1000

    put(job, **EVERY_SECOND)
    put(scheduling.job(job), cron="0 9 * * *")
    scheduling.fire()

    [(second, *rest)] = told(scheduling, job)
    assert second == (due - NOON) / SECOND
    assert rest == ["missed", 1, CHANGED]


def test_a_moment_is_missed_when_the_job_has_no_schedule_any_more(
    scheduling: Scheduling, put: Put
) -> None:
    job = scheduling.add(EVERY_SECOND)
    scheduling.moment.go(1.5)

    put(job, mode=Mode.TRIGGERED)

    assert told(scheduling, job) == [(1, "missed", 1, CHANGED)]


@pytest.mark.parametrize("keys", [{"dst": "skip"}, {"cron": "0 9 * * *"}])
def test_while_all_is_paused_a_change_swallows_no_moment(
    scheduling: Scheduling, put: Put, switch: Switch, keys: dict[str, object]
) -> None:
    job = scheduling.add(EVERY_SECOND)
    scheduling.moment.go(0.5)
    switch.pause("ada", reason="move")

    scheduling.fire(6)
    put(job, **keys)
    scheduling.fire()
    switch.resume("ada")
    scheduling.fire()

    reason = "all scheduling was paused by ada: move"
    assert told(scheduling, job) == [(1, "skipped", 6, reason)]


def test_a_leftover_moment_of_a_job_that_is_paused_with_the_change_is_told(
    scheduling: Scheduling, put: Put
) -> None:
    job = scheduling.add(EVERY_SECOND)
    scheduling.moment.go(1.5)

    put(job, paused=True, cron="0 9 * * *")
    scheduling.moment.go(60)
    put(job, paused=False)

    assert told(scheduling, job) == [(1, "skipped", 1, "paused by ada")]


@pytest.mark.parametrize("readable", [True, False])
def test_what_a_block_swallowed_is_told_when_a_change_ends_it(
    scheduling: Scheduling, put: Put, readable: bool
) -> None:
    job = scheduling.add(EVERY_SECOND)
    first = clock.to_us(job.next_run)  # type: ignore[arg-type]
    blocked: dict[str, object] = {"state": "blocked", "state_reason": "broken"}
    blocked |= {"next_us": None, "paused_us": first}
    if not readable:
        blocked["trigger"] = {"nonsense": 1}
    scheduling.store.jobs.change(job.id, None, blocked)
    scheduling.moment.go(3.5)

    put(job, cron="0 9 * * *")

    # Without its trigger only the one moment that was next is known.
    assert told(scheduling, job) == [(1, "skipped", 3 if readable else 1, "broken")]


def test_a_moment_that_fires_while_the_change_is_on_its_way_is_not_told_twice(
    scheduling: Scheduling, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = scheduling.add(EVERY_SECOND)
    scheduling.moment.go(1.5)
    change = scheduling.store.jobs.change

    def overtaken(*given: object) -> Job:
        monkeypatch.setattr(scheduling.store.jobs, "change", change)
        scheduling.fire()
        return change(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(scheduling.store.jobs, "change", overtaken)
    put(job, mode=Mode.TRIGGERED)
    scheduling.fire(5)

    assert told(scheduling, job) == [(1, "ran", 1, None)]
    assert len(scheduling.runs(job)) == 1


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_every_moment_is_told_once(
    scheduling: Scheduling, put: Put, switch: Switch, seed: int
) -> None:
    draw = random.Random(seed)
    crons = ["* * * * * *", "*/2 * * * * *", "*/7 * * * * *", "0 * * * * *"]
    misfire = Misfire(grace=draw.choice([None, 0, 4]), catch_up=draw.choice([*CatchUp]))
    scheduling.moment.go(0.3)
    cron = draw.choice(crons)
    job = scheduling.add({"cron": cron}, policy=Policy(misfire=misfire))
    expected: list[int] = []

    for _ in range(40):
        since = scheduling.moment.us
        scheduling.moment.go(draw.choice([0, 1, 1, 3, 20]))
        expected += parse({"cron": cron}, created_us=NOON).moments(since, scheduling.moment.us)
        match draw.choice(["fire", "fire", "put", "put", "put", "pause", "resume"]):
            case "fire":
                scheduling.fire()
                scheduling.finish_runs(job)
            case "put":
                cron = draw.choice(crons)
                put(job, cron=cron, dst=draw.choice(["skip", "once"]))
            case "pause":
                switch.pause("ada")
            case "resume":
                switch.resume("ada")
    switch.resume("ada")
    scheduling.fire()

    entries = scheduling.ledger(job)
    assert sum(entry.count for entry in entries) == len(expected)
    assert {clock.to_us(entry.due_at) for entry in entries} <= {*expected}
    ran = [entry for entry in entries if entry.outcome.value in {"ran", "late"}]
    assert len(scheduling.runs(job)) == len(ran)
