"""job_scheduler.log of each triggered web job: what became of its schedule, for readers of files.

It is written from rows that are committed, by somebody who only looks at them: whatever a disk
does, moments fire, and lines are lost at the worst. The words are Kudu's where it has any
(webjobs.md, section 4); the time of the clock stands beside its durations.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from jobsched import clock
from jobsched.calendars import Calendars
from jobsched.errors import InvalidInput
from jobsched.execution.runner.joblog import JobLog, LogOrder
from jobsched.model import JobState, Occurrence, OccurrenceOutcome
from jobsched.operations.configuration import Configuration
from jobsched.storage import Store
from jobsched.storage.webjobs import Planned
from jobsched.triggers import describe, restore
from jobsched.webjobs.places import SCHEDULER_LOGS, Site

ROLL_AT = 2**20  # bytes; there is one older file
_LEASE = "scheduler_logs"
_LEASE_SECONDS = 30.0  # longer than the looks of two machines are apart
_LATEST = 100  # entries of a job's ledger, at one look
_SHOWN = 6  # characters of an instance in logs
_INFO, _WARN, _ERROR = b"INFO", b"WARN", b"ERR "
_RAN = frozenset({OccurrenceOutcome.RAN, OccurrenceOutcome.LATE})
Line = tuple[bytes, str]
Entries = frozenset[tuple[int, OccurrenceOutcome]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What the log of a job tells by now: how it is planned, and the *entries* of its ledger."""

    planned: Planned
    entries: Entries


class SchedulerLogs:
    """Writes what has changed since it looked last; of several machines one does."""

    def __init__(self, store: Store, configuration: Configuration) -> None:
        self._store = store
        self._configuration = configuration
        self._told: dict[int, _Told] = {}

    def look(self) -> None:
        """Write what became of the schedules of all web jobs. Raises: JobschedError (database)."""
        found = {each.job_key: each for each in self._store.webjobs.planned()}
        changed = [each for each in found.values() if self._is_news(each)]
        gone = [told.planned for key, told in self._told.items() if key not in found]
        if not changed and not gone:
            return
        ours = self._is_ours()
        for planned in changed:
            lines = self._news(planned)
            if ours:
                self._write(planned.name, lines)
        self._end(gone, ours=ours)

    def _is_news(self, planned: Planned) -> bool:
        told = self._told.get(planned.job_key)
        return told is None or told.planned != planned

    def _is_ours(self) -> bool:
        node = self._configuration.settings.node
        return self._store.leases.take(_LEASE, node, _LEASE_SECONDS) is not None

    def _news(self, planned: Planned) -> list[Line]:
        """Return what is new about a job, and note that it is told."""
        told = self._told.get(planned.job_key)
        page = self._store.occurrences.list(planned.job_key, 0, clock.now_us() + 1, _LATEST)
        entries = frozenset(_key(entry) for entry in page.values)
        self._told[planned.job_key] = _Told(planned=planned, entries=entries)
        before = None if told is None else told.planned
        if told is None:
            since = _written_at(self._path(planned.name))
            new = [entry for entry in page.values if clock.to_us(entry.due_at) > since]
        else:
            new = _unknown(page.values, told.entries)
        lines = [_of_entry(entry) for entry in reversed(new)]
        return [*lines, *_of_plan(before, planned, self._configuration.calendars)]

    def _end(self, gone: Iterable[Planned], *, ours: bool) -> None:
        """Write that jobs have no schedule any more, unless they are gone themselves."""
        keys = {planned.job_key: planned for planned in gone}
        there = self._store.webjobs.of_jobs(keys)
        for key, planned in keys.items():
            del self._told[key]
            if ours and key in there:
                self._write(planned.name, [(_INFO, "WebJob has no schedule any more")])

    def _path(self, name: str) -> Path:
        return Site(self._configuration.settings.data_dir).scheduler_log(name)

    def _write(self, name: str, lines: Iterable[Line]) -> None:
        """Add *lines* to a job's log, or lose them: the log sees to that."""
        path = self._path(name)
        log = JobLog(
            LogOrder(
                output=str(path),
                instance=self._configuration.settings.node[:_SHOWN],
                script="",
                host="",
                rolled=(str(path.with_name(SCHEDULER_LOGS[1])),),
                roll_at=ROLL_AT,
            )
        )
        for level, text in lines:
            log.system(text, level)
        log.close()


def _key(entry: Occurrence) -> tuple[int, OccurrenceOutcome]:
    return clock.to_us(entry.due_at), entry.outcome


def _unknown(entries: Iterable[Occurrence], known: Entries) -> list[Occurrence]:
    """Return those of *entries* that are not *known*.

    Pruning lets older ones move up among the latest, which have been told long ago.
    """
    floor = min(known)[0] if len(known) >= _LATEST else 0
    return [entry for entry in entries if (key := _key(entry)) not in known and key[0] >= floor]


def _written_at(path: Path) -> int:
    """Return when *path* was written last, 0 when it is not there."""
    try:
        return path.stat().st_mtime_ns // 1000
    except OSError:
        return 0


def _of_entry(entry: Occurrence) -> Line:
    due = f"{entry.due_at:%Y-%m-%dT%H:%M:%SZ}"
    if entry.outcome in _RAN:
        late = f", {entry.late_by:.1f} s late" if entry.outcome is OccurrenceOutcome.LATE else ""
        return _INFO, f"Invoking WebJob (schedule of {due}{late})"
    if entry.last_due_at is not None:
        due = f"{due} to {entry.last_due_at:%Y-%m-%dT%H:%M:%SZ}"
    times = "schedule" if entry.count == 1 else "schedules"
    what = f"{entry.outcome.value.capitalize()} {entry.count} {times} ({due})"
    return _WARN, f"{what}: {entry.reason}" if entry.reason else what


def _of_plan(before: Planned | None, now: Planned, calendars: Calendars) -> Iterator[Line]:
    """Yield how a job goes on."""
    if now.trigger is None:
        if before is None or before.refused != now.refused:
            yield _ERROR, f"Failed to schedule WebJob: {now.refused}"
        return
    if now.state is not JobState.ACTIVE or now.next_us is None:
        word = "The schedule has ended" if now.state is JobState.FINISHED else "Not scheduled"
        yield _WARN, f"{word}: {now.state_reason or now.state.value}"
        return
    same = before is not None and before.trigger == now.trigger and before.state is now.state
    start = "Next" if same else f"Scheduling WebJob with {_schedule(now.trigger, calendars)} next"
    at = clock.from_us(now.next_us)
    yield _INFO, f"{start} schedule expected in {_until(now.next_us)} ({at:%Y-%m-%dT%H:%M:%SZ})"


def _schedule(trigger: Mapping[str, object], calendars: Calendars) -> str:
    zone = trigger.get("timezone", "UTC")
    cron = trigger.get("cron")
    if isinstance(cron, Mapping):
        return str(cron["expression"]) + ("" if zone == "UTC" else f" ({zone})")
    try:
        return describe(restore(trigger, calendars))
    except InvalidInput:  # a calendar that it names is gone
        return "a schedule"


def _until(moment_us: int) -> str:
    """Return the time until then as Kudu does: ``hh:mm:ss``, with ``days.`` before it."""
    ahead = timedelta(seconds=max(0, round((moment_us - clock.now_us()) / clock.SECOND)))
    days = f"{ahead.days}." if ahead.days else ""
    minutes, seconds = divmod(ahead.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{days}{hours:02}:{minutes:02}:{seconds:02}"
