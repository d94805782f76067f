"""New triggers: which keys a change leaves, and what of its past a job keeps."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from jobsched import clock
from jobsched.errors import InvalidInput
from jobsched.model import Job, JobState, Mode, Policy
from jobsched.operations.newtriggers import changed
from jobsched.triggers import Trigger, parse, restore

HOUR = timedelta(hours=1)
HOUR_US = 3600 * clock.SECOND


def job_with(trigger: Mapping[str, object] | None) -> Job:
    """Return a job that was made ten hours ago."""
    now = clock.now()
    return Job(
        key=1,
        id="a",
        name="fake",
        task="example",
        mode=Mode.SCHEDULED,
        state=JobState.ACTIVE,
        state_reason=None,
        trigger=trigger,
        policy=Policy(),
        params={},
        group=None,
        tags=(),
        description=None,
        next_run=None,
        paused_from=None,
        paused_until=None,
        version=1,
        created_at=now - 10 * HOUR,
        updated_at=now,
    )


def read(given: Mapping[str, Any], created_us: int) -> Trigger:
    said = {name: value for name, value in given.items() if value is not None}
    return parse(said, created_us=created_us)


def changed_by(job: Job, given: Mapping[str, Any]) -> Trigger:
    before = None if job.trigger is None else restore(job.trigger)
    return changed(job, before, given, read, clock.now_us())


def keys_of(stored: Mapping[str, object], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys that are to be read for a job whose stored trigger is not understood."""
    asked: list[dict[str, Any]] = []

    def note(keys: Mapping[str, Any], created_us: int) -> Trigger:
        del created_us
        asked.append({name: value for name, value in keys.items() if value is not None})
        return parse({"at": "2099-01-01T00:00:00Z"})

    changed(job_with(stored), None, given, note, clock.now_us())
    return asked[0]


def test_an_unchanged_rule_keeps_its_grid() -> None:
    start_us = clock.now_us() - 9 * HOUR_US
    job = job_with(parse({"interval": {"hours": 7}}, created_us=start_us).to_json())

    after = changed_by(job, {"jitter": 5, "interval": {"minutes": 420}, "start": None})

    assert (after.start_us, after.jitter_us) == (start_us + 7 * HOUR_US, 5 * clock.SECOND)


def test_another_distance_begins_a_new_grid() -> None:
    job = job_with(parse({"interval": {"hours": 7}}).to_json())
    before_us = clock.now_us()

    after = changed_by(job, {"interval": {"hours": 3}})

    assert after.start_us is not None
    assert before_us + 3 * HOUR_US <= after.start_us <= clock.now_us() + 3 * HOUR_US


def test_a_change_that_leaves_no_moment_is_refused() -> None:
    begun_us = clock.now_us() - 9 * HOUR_US
    job = job_with(parse({"interval": {"hours": 1}}, created_us=begun_us).to_json())

    with pytest.raises(InvalidInput, match=r"No moment would be left\. count begins") as refusal:
        changed_by(job, {"count": 3})

    assert [(error.field, error.rule) for error in refusal.value.errors] == [("count", "never")]
    assert changed_by(job, {"count": 20}).count == 20


def test_the_keys_of_a_trigger_that_cannot_be_read_are_repaired_one_by_one() -> None:
    stored = {"cron": "0 9 * * *", "calendars": ["gone"], "since": "2026-05-01T00:00:00Z"}
    several = {"any": [{"recurrence": {}, "since": "2026-05-01T00:00:00Z"}]}

    assert keys_of(stored, {"calendars": None}) == {"cron": "0 9 * * *"}
    assert keys_of(stored, {"interval": {"hours": 1}}) == {"interval": {"hours": 1}}
    assert keys_of(several, {"jitter": 1}) == {"any": [{"recurrence": {}}], "jitter": 1}


DAILY = {"frequency": "day", "count": 2}


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        ({"count": 5}, {"recurrence": {"frequency": "day"}, "startTime": "T", "count": 5}),
        ({"count": None}, {"recurrence": {"frequency": "day"}, "startTime": "T"}),
        ({"start": "S"}, {"recurrence": DAILY, "start": "S"}),
        ({"startTime": None}, {"recurrence": DAILY}),
        ({"jitter": 1}, {"recurrence": DAILY, "startTime": "T", "jitter": 1}),
    ],
)
def test_a_recurrence_and_the_keys_beside_it_never_say_the_same(
    given: dict[str, Any], keys: dict[str, Any]
) -> None:
    stored = {"recurrence": DAILY, "startTime": "T"}

    assert keys_of(stored, given) == keys
