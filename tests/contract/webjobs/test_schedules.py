"""What a web job's schedule makes of it: its next moment, and from when on it counts."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from jobsched import calendars, clock
from jobsched.model import JobState, Mode
from jobsched.operations import Operations
from jobsched.operations.webjobs import WebJobs
from jobsched.storage import Store
from jobsched.webjobs.places import Site
from tests.support.webjobs import CONTINUOUS, SCRIPT, TRIGGERED, job_of, put, ran, verbs_over


def test_a_schedule_makes_it_a_scheduled_job(site: Site, webjobs: WebJobs) -> None:
    put(site, TRIGGERED, "backup", schedule="0 30 3 * * *", timezone="Europe/Berlin")

    job = job_of(webjobs)

    assert job.mode is Mode.SCHEDULED
    assert job.trigger is not None
    assert job.trigger["timezone"] == "Europe/Berlin"
    assert job.next_run is not None
    assert job.next_run > clock.now()


def test_the_zone_is_website_time_zone_unless_the_job_names_one(
    store: Store, site: Site, tmp_path: Path
) -> None:
    put(site, TRIGGERED, "backup", schedule="0 30 3 * * *")
    webjobs = verbs_over(store, tmp_path, website_time_zone="Asia/Tokyo").webjobs

    job = job_of(webjobs)

    assert job.trigger is not None
    assert job.trigger["timezone"] == "Asia/Tokyo"


def test_a_bad_schedule_is_told_and_the_job_still_runs_by_hand(
    site: Site, webjobs: WebJobs
) -> None:
    put(site, TRIGGERED, "backup", schedule="whenever")

    job = job_of(webjobs)

    assert (job.mode, job.state, job.next_run) == (Mode.TRIGGERED, JobState.ACTIVE, None)
    error = webjobs.get(TRIGGERED, "backup").webjob.error
    assert error is not None
    assert error.startswith("schedule has 1 field")


def test_a_schedule_is_no_matter_of_continuous_jobs(site: Site, webjobs: WebJobs) -> None:
    put(site, CONTINUOUS, "loop", schedule="whenever")

    assert job_of(webjobs, "loop", CONTINUOUS).mode is Mode.CONTINUOUS
    assert webjobs.get(CONTINUOUS, "loop").webjob.error is None


def test_without_its_schedule_it_runs_by_hand_again(site: Site, webjobs: WebJobs) -> None:
    folder = put(site, TRIGGERED, "backup", schedule="0 30 3 * * *")
    webjobs.sync()

    (folder / "settings.job").unlink()

    job = job_of(webjobs)
    assert (job.mode, job.trigger, job.next_run) == (Mode.TRIGGERED, None, None)


@pytest.mark.parametrize(
    ("ago", "runs_at_once"), [(timedelta(minutes=4), True), (timedelta(hours=3), False)]
)
def test_a_new_schedule_counts_from_the_start_of_the_latest_run(
    store: Store, site: Site, webjobs: WebJobs, ago: timedelta, runs_at_once: bool
) -> None:
    folder = put(site, TRIGGERED, "backup")
    job = job_of(webjobs)
    ran(store, job, clock.to_us(clock.now() - ago))

    (folder / "settings.job").write_text('{"schedule": "0 */2 * * * *"}', encoding="utf-8")

    job = job_of(webjobs)
    assert job.next_run is not None
    assert (job.next_run <= clock.now()) is runs_at_once
    ledger = store.occurrences.list(job.key, 0, clock.now_us(), 10).values
    told = [each.outcome for each in ledger]
    assert told == ["coalesced" if runs_at_once else "missed"]


def test_a_job_that_never_ran_waits_for_its_next_moment(site: Site, webjobs: WebJobs) -> None:
    put(site, TRIGGERED, "backup", schedule="0 */2 * * * *")

    job = job_of(webjobs)

    assert job.next_run is not None
    assert job.next_run > clock.now()


def test_a_paused_job_stays_so_when_its_schedule_changes(
    operations: Operations, site: Site, webjobs: WebJobs
) -> None:
    put(site, TRIGGERED, "backup", schedule="0 0 3 * * *")
    operations.pauses.pause(job_of(webjobs).id, "somebody")

    put(site, TRIGGERED, "backup", schedule="0 0 4 * * *")
    job = job_of(webjobs)
    assert (job.state, job.next_run) == (JobState.PAUSED, None)

    resumed = operations.pauses.resume(job.id, "somebody")
    assert resumed.next_run is not None
    assert resumed.next_run.hour == 4


@pytest.mark.parametrize("name", ["WEBJOBS_STOPPED", "WEBJOBS_DISABLE_SCHEDULE"])
def test_schedules_can_be_held_for_all_jobs(
    store: Store, site: Site, webjobs: WebJobs, name: str
) -> None:
    put(site, TRIGGERED, "backup", schedule="0 0 3 * * *")
    due = job_of(webjobs).next_run
    store.switches.put("app_settings", {name: "1"})
    put(site, TRIGGERED, "later", schedule="0 0 3 * * *")

    for each in ("backup", "later"):
        held = job_of(webjobs, each)
        assert (held.state, held.state_reason) == (JobState.PAUSED, f"{name} is set")
    assert not webjobs.sync()

    store.switches.put("app_settings", {})
    for each in ("backup", "later"):
        free = job_of(webjobs, each)
        assert (free.state, free.next_run) == (JobState.ACTIVE, due)


def test_a_pause_by_hand_outlasts_the_hold(
    operations: Operations, store: Store, site: Site, webjobs: WebJobs
) -> None:
    put(site, TRIGGERED, "backup", schedule="0 0 3 * * *")
    operations.pauses.pause(job_of(webjobs).id, "somebody")
    for value in ({"WEBJOBS_STOPPED": "1"}, {}):
        store.switches.put("app_settings", value)
        assert job_of(webjobs).state is JobState.PAUSED


def test_app_settings_count_at_once(operations: Operations, site: Site, webjobs: WebJobs) -> None:
    put(site, TRIGGERED, "backup", schedule="0 0 3 * * *")
    webjobs.sync()

    operations.app_settings.put({"WEBJOBS_DISABLE_SCHEDULE": "1"}, "me")

    assert webjobs.get(TRIGGERED, "backup").job.state is JobState.PAUSED


def test_a_job_without_schedule_is_no_longer_held(
    store: Store, site: Site, webjobs: WebJobs
) -> None:
    folder = put(site, TRIGGERED, "backup", schedule="0 0 3 * * *")
    store.switches.put("app_settings", {"WEBJOBS_STOPPED": "1"})
    assert job_of(webjobs).state is JobState.PAUSED

    (folder / "settings.job").unlink()

    job = job_of(webjobs)
    assert (job.mode, job.state, job.next_run) == (Mode.TRIGGERED, JobState.ACTIVE, None)


def test_a_job_that_gets_script_and_schedule_at_once_goes_on_with_both(
    site: Site, webjobs: WebJobs
) -> None:
    put(site, TRIGGERED, "backup", {"readme.txt": ""})
    assert job_of(webjobs).state is JobState.BLOCKED

    put(site, TRIGGERED, "backup", schedule="0 0 3 * * *")

    job = job_of(webjobs)
    assert (job.mode, job.state) == (Mode.SCHEDULED, JobState.ACTIVE)
    assert job.next_run is not None
    assert job.next_run.hour == 3


def test_a_job_that_gets_a_schedule_while_it_has_no_script_stays_blocked(
    site: Site, webjobs: WebJobs
) -> None:
    folder = put(site, TRIGGERED, "backup", {"readme.txt": ""})
    webjobs.sync()

    put(site, TRIGGERED, "backup", {}, schedule="0 0 3 * * *")
    job = job_of(webjobs)
    assert (job.mode, job.state, job.next_run) == (Mode.SCHEDULED, JobState.BLOCKED, None)

    (folder / "run.sh").touch()
    assert job_of(webjobs).next_run is not None


def test_calendars_that_come_later_count(
    operations: Operations, site: Site, tmp_path: Path
) -> None:
    put(site, TRIGGERED, "backup", schedule="0 0 3 * * *", calendars=["holidays"])
    webjobs = operations.webjobs
    assert job_of(webjobs).mode is Mode.TRIGGERED
    assert "holidays" in (webjobs.get(TRIGGERED, "backup").webjob.error or "")

    (tmp_path / "calendars.yaml").write_text("holidays:\n  dates: [2030-12-25]\n")
    operations.configuration.calendars = calendars.load(tmp_path)

    job = job_of(webjobs)
    assert job.mode is Mode.SCHEDULED
    assert webjobs.get(TRIGGERED, "backup").webjob.error is None


def test_a_recurrence_with_its_start_is_a_schedule(site: Site, webjobs: WebJobs) -> None:
    daily = {"frequency": "day", "schedule": {"hours": [4]}}
    start = "2090-05-01T12:00:00"
    put(site, TRIGGERED, "backup", recurrence=daily, startTime=start, timezone="Asia/Tokyo")

    job = job_of(webjobs)

    assert job.mode is Mode.SCHEDULED
    assert job.next_run is not None
    assert job.next_run.isoformat() == "2090-05-01T19:00:00+00:00"


def test_publish_settings_count_unless_settings_job_has_a_schedule(
    site: Site, webjobs: WebJobs
) -> None:
    publish = {
        "runMode": "Scheduled",
        "startTime": "2090-05-01T12:00:00",
        "jobRecurrenceFrequency": "Week",
        "interval": 2,
    }
    files = {**SCRIPT, "webjob-publish-settings.json": json.dumps(publish)}
    put(site, TRIGGERED, "published", files)
    put(site, TRIGGERED, "both", files, schedule="0 30 3 * * *")

    published, both = job_of(webjobs, "published"), job_of(webjobs, "both")

    assert published.next_run is not None
    assert published.next_run.isoformat() == "2090-05-01T12:00:00+00:00"
    assert both.next_run is not None
    assert both.next_run - clock.now() <= timedelta(days=1)


@pytest.mark.parametrize(
    ("minutes", "now"), [(5, True), (50, False)], ids=["5 minutes late", "50 minutes late"]
)
def test_a_recurrence_too_goes_on_from_the_latest_run(
    store: Store, site: Site, webjobs: WebJobs, minutes: int, now: bool
) -> None:
    put(site, TRIGGERED, "backup")
    ran(store, job_of(webjobs), clock.to_us(clock.now() - timedelta(minutes=55)))
    start = clock.now() - timedelta(minutes=60 + minutes)
    recurrence = {"frequency": "hour"}

    put(site, TRIGGERED, "backup", recurrence=recurrence, startTime=start.isoformat())

    job = job_of(webjobs)
    assert job.next_run is not None
    assert (job.next_run <= clock.now()) is now
