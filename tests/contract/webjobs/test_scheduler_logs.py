"""job_scheduler.log: what became of a web job's schedule, written from committed rows."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from jobsched import clock
from jobsched.model import OccurrenceOutcome
from jobsched.operations import Operations
from jobsched.operations.webjobs import WebJobs, schedulerlogs
from jobsched.operations.webjobs.schedulerlogs import SchedulerLogs
from jobsched.storage import Store
from jobsched.webjobs.places import Site
from tests.support.firing import Moment, Scheduling
from tests.support.webjobs import TRIGGERED, job_of, put, ran, verbs_over

STAMP = re.compile(r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d > \w{1,6}: ")
YEARLY = "0 0 3 1 1 *"


@pytest.fixture
def logs(store: Store, operations: Operations) -> SchedulerLogs:
    return SchedulerLogs(store, operations.configuration)


def lines(site: Site, name: str = "backup") -> list[str]:
    """Return the lines of a job's log, their stamps cut short to ``>``."""
    path = site.scheduler_log(name)
    if not path.exists():
        return []
    text = path.read_bytes().decode()
    assert text.endswith("\r\n")
    return [STAMP.sub(">", line) for line in text.split("\r\n")[:-1]]


def untimed(line: str) -> str:
    """Return *line* without the duration until the next moment, which has gone on meanwhile."""
    return re.sub(r"in (\d+\.)?\d\d:\d\d:\d\d ", "in ", line)


def test_a_new_schedule_is_told_with_its_next_moment(
    site: Site, webjobs: WebJobs, logs: SchedulerLogs
) -> None:
    put(site, TRIGGERED, "backup", schedule=YEARLY, timezone="Europe/Berlin")
    webjobs.sync()

    logs.look()
    logs.look()

    (line,) = lines(site)
    assert re.fullmatch(
        r">SYS INFO\] Scheduling WebJob with 0 0 3 1 1 \* \(Europe/Berlin\) next schedule expected "
        r"in (\d+\.)?\d\d:\d\d:\d\d \(\d{4}-01-01T02:00:00Z\)",
        line,
    ), line


def test_a_job_without_schedule_has_no_such_log(
    site: Site, webjobs: WebJobs, logs: SchedulerLogs
) -> None:
    put(site, TRIGGERED, "backup")
    put(site, TRIGGERED, "empty", {"readme.txt": ""})
    webjobs.sync()

    logs.look()

    assert lines(site) == lines(site, "empty") == []


def test_a_bad_schedule_is_told_as_an_error(
    site: Site, webjobs: WebJobs, logs: SchedulerLogs
) -> None:
    put(site, TRIGGERED, "backup", schedule="whenever")
    webjobs.sync()

    logs.look()

    (line,) = lines(site)
    assert line.startswith(">SYS ERR ] Failed to schedule WebJob: schedule has 1 field")


def test_a_changed_schedule_and_none_any_more_are_told(
    site: Site, webjobs: WebJobs, logs: SchedulerLogs
) -> None:
    folder = put(site, TRIGGERED, "backup", schedule=YEARLY)
    webjobs.sync()
    logs.look()
    put(site, TRIGGERED, "backup", schedule="0 0 4 1 1 *")
    webjobs.sync()
    logs.look()
    (folder / "settings.job").unlink()
    webjobs.sync()
    logs.look()

    told = lines(site)

    assert told[1].startswith(">SYS INFO] Scheduling WebJob with 0 0 4 1 1 * next schedule")
    assert told[2:] == [">SYS INFO] WebJob has no schedule any more"]


def test_a_deleted_job_leaves_no_log_behind(
    site: Site, webjobs: WebJobs, logs: SchedulerLogs
) -> None:
    put(site, TRIGGERED, "backup", schedule=YEARLY)
    webjobs.sync()
    logs.look()

    webjobs.delete(TRIGGERED, "backup", "me")
    logs.look()

    assert not site.data(TRIGGERED, "backup").exists()


def test_a_hold_and_its_end_are_told(
    store: Store, site: Site, webjobs: WebJobs, logs: SchedulerLogs
) -> None:
    put(site, TRIGGERED, "backup", schedule=YEARLY)
    webjobs.sync()
    logs.look()
    for value in ({"WEBJOBS_DISABLE_SCHEDULE": "1"}, {}):
        store.switches.put("app_settings", value)
        webjobs.sync()
        logs.look()

    told = lines(site)

    assert told[1] == ">SYS WARN] Not scheduled: WEBJOBS_DISABLE_SCHEDULE is set"
    assert untimed(told[2]) == untimed(told[0])


def test_missed_moments_are_told_with_their_number(
    store: Store, site: Site, webjobs: WebJobs, logs: SchedulerLogs
) -> None:
    folder = put(site, TRIGGERED, "backup")
    ran(store, job_of(webjobs), clock.to_us(clock.now() - timedelta(hours=3)))
    (folder / "settings.job").write_text('{"schedule": "0 */2 * * * *"}', encoding="utf-8")
    webjobs.sync()

    logs.look()

    missed, scheduled = lines(site)
    assert re.match(r">SYS WARN\] Missed (89|90) schedules \(\S+Z to \S+Z\): more than", missed)
    assert scheduled.startswith(">SYS INFO] Scheduling WebJob with 0 */2 * * * * next schedule")


def fired(store: Store, seconds: float) -> None:
    """Let the scheduler look at what is due *seconds* from now."""
    scheduling = Scheduling(store, Moment(clock.now_us()))
    scheduling.fire(seconds)
    scheduling.firer.leader.resign()


def test_a_run_of_the_schedule_and_one_that_is_dropped_are_told(
    store: Store, site: Site, webjobs: WebJobs, logs: SchedulerLogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(site, TRIGGERED, "backup", schedule="*/30 * * * * *")
    webjobs.sync()
    logs.look()
    real = clock.now_us
    for seconds in (31, 62):
        fired(store, seconds)
        monkeypatch.setattr(clock, "now_us", lambda seconds=seconds: real() + seconds * 10**6)
        logs.look()
        monkeypatch.setattr(clock, "now_us", real)

    told = lines(site)

    assert told[1].startswith(">SYS INFO] Invoking WebJob (schedule of ")
    assert told[2].startswith(">SYS INFO] Next schedule expected in 00:00:")
    assert any(line.startswith(">SYS WARN] Skipped 1 schedule") for line in told[3:]), told
    assert told[-1].startswith(">SYS INFO] Next schedule expected in 00:00:")


def test_the_end_of_a_schedule_is_told(
    store: Store, site: Site, webjobs: WebJobs, logs: SchedulerLogs
) -> None:
    put(site, TRIGGERED, "backup", recurrence={"frequency": "hour", "count": 1})
    webjobs.sync()
    fired(store, 1)

    logs.look()

    assert lines(site)[-1].startswith(">SYS WARN] The schedule has ended: ")


def test_after_a_restart_only_what_is_new_is_told(
    store: Store, site: Site, webjobs: WebJobs, operations: Operations, logs: SchedulerLogs
) -> None:
    put(site, TRIGGERED, "backup", recurrence={"frequency": "hour"})
    webjobs.sync()
    fired(store, 1)
    logs.look()
    before = lines(site)

    SchedulerLogs(store, operations.configuration).look()

    after = lines(site)[len(before) :]
    assert sum("Invoking WebJob" in line for line in before) == 1
    assert len(after) == 1
    assert "next schedule expected" in after[0]


def test_of_two_machines_one_writes(
    store: Store, site: Site, webjobs: WebJobs, tmp_path: Path, logs: SchedulerLogs
) -> None:
    other = SchedulerLogs(store, verbs_over(store, tmp_path, node="other").configuration)
    put(site, TRIGGERED, "backup", schedule=YEARLY)
    webjobs.sync()

    for each in (logs, other):
        each.look()

    assert len(lines(site)) == 1


def test_it_is_rolled(
    site: Site, webjobs: WebJobs, logs: SchedulerLogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedulerlogs, "ROLL_AT", 300)
    for hour in range(8):
        put(site, TRIGGERED, "backup", schedule=f"0 0 {hour} 1 1 *")
        webjobs.sync()
        logs.look()

    sizes = {path.name: path.stat().st_size for path in site.data(TRIGGERED, "backup").iterdir()}
    assert sorted(sizes) == ["job_scheduler.log", "job_scheduler_prev.log"]
    assert max(sizes.values()) <= 300
    assert "with 0 0 7 1 1 *" in lines(site)[-1]


def test_a_disk_that_refuses_loses_lines_and_nothing_else(
    store: Store, site: Site, webjobs: WebJobs, logs: SchedulerLogs
) -> None:
    site.data(TRIGGERED, "backup").parent.mkdir(parents=True)
    site.data(TRIGGERED, "backup").write_text("no folder", encoding="utf-8")
    put(site, TRIGGERED, "backup", recurrence={"frequency": "hour"})
    job = job_of(webjobs)

    logs.look()
    fired(store, 1)
    logs.look()

    (entry,) = store.occurrences.list(job.key, 0, clock.now_us() + 2 * 10**6, 10).values
    assert entry.outcome in {OccurrenceOutcome.RAN, OccurrenceOutcome.LATE}
