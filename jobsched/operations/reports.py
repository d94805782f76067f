"""Runs that something else executes (``jobsched wrap``): told here, never started here."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobsched import clock
from jobsched.catalog import WRAPPED
from jobsched.errors import FieldError, InvalidInput, UnknownJob, WrongMode
from jobsched.execution.supervisor.telling import tell_finished, tell_started
from jobsched.model import End, EndedBy, Job, Mode, Run
from jobsched.operations.announce import Announcer
from jobsched.operations.configuration import Configuration
from jobsched.operations.policies import default_policy
from jobsched.settings import Settings
from jobsched.storage import Store
from jobsched.storage.newjobs import NewJob
from jobsched.storage.reports import CLAIM, Beginning
from jobsched.storage.settling import Settled, Settlement

OLDEST = timedelta(days=400)  # a spool may wait long
AHEAD = timedelta(days=1)  # of a clock that is wrong
SILENT_BEATS = 4  # signs of life that may be missing before a run is lost
_AT_ONCE = 100
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedEnd:
    """How a command ended, with the copy of its output; *out_bytes* is all that it wrote."""

    ended_at: datetime
    ended_by: EndedBy
    exit_code: int | None
    signal: int | None
    reason: str | None
    out: bytes = b""
    err: bytes = b""
    out_bytes: int = 0
    err_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that is known of a command on *host*; *job* is a uuid or a name, else *name* counts."""

    name: str
    host: str
    started_at: datetime
    job: str | None = None
    command: str | None = None
    end: ReportedEnd | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The *run* of a report, whether it is new, whether it ended now, who wants it to stop."""

    run: Run
    made: bool
    ended: bool
    stop_by: EndedBy | None


class Reports:
    """Taking what reporters say."""

    def __init__(self, store: Store, configuration: Configuration, announce: Announcer) -> None:
        self._store = store
        self._configuration = configuration
        self._announce = announce

    @property
    def heartbeat(self) -> float:
        """Seconds after which the next sign of life is wanted."""
        return self._configuration.settings.wrap_heartbeat

    def take(self, key: str, report: Report, by: str) -> Heard:
        """Note *report*; the same *key* is the same run, however often it is told.

        Raises: InvalidInput of absurd times; UnknownJob, WrongMode of the job that is named.
        """
        now_us = clock.now_us()
        _require_possible(report, now_us)
        job = self._job(report, now_us)
        beginning = Beginning(
            name=report.name,
            node=report.host,
            started_us=clock.to_us(report.started_at),
            params={} if report.command is None else {"command": report.command},
            requested_by=by,
        )
        settlement = None if report.end is None else _settlement(report, report.end)
        taken = self._store.reports.take(key, beginning, job, settlement, now_us)
        if (new := taken.new_job) is not None:
            self._announce.job("added", new.id, by, name=new.name, task=new.task)
        if taken.made:
            tell_started(taken.run, "wrap")
        if taken.settled is not None and settlement is not None:
            told = settlement(taken.run.id)
            tell_finished(taken.settled, told, self._configuration.settings.runs_dir)
        if taken.made or taken.settled is not None:
            self._announce.web()
        ended = taken.settled is not None
        return Heard(run=taken.run, made=taken.made, ended=ended, stop_by=taken.stop_by)

    def _job(self, report: Report, now_us: int) -> Job | NewJob:
        """Return the job that is meant, or one to be made. Raises: UnknownJob, WrongMode."""
        if report.job is None:
            return self._new_job(report.name, now_us)
        if _UUID.fullmatch(report.job):
            job = self._store.jobs.get(report.job.lower())
        else:
            job = self._store.reports.job(report.job)
        if job is None:
            raise UnknownJob(report.job)
        if job.task != WRAPPED:
            why = f"it runs task {job.task} here; only jobs of task {WRAPPED} take reports."
            raise WrongMode(f"Job {job.id} takes no reports: {why}", job=job.id)
        return job

    def _new_job(self, name: str, now_us: int) -> NewJob:
        task, settings = self._configuration.catalog.get(WRAPPED), self._configuration.settings
        return NewJob(
            id=str(uuid.uuid4()),
            name=name,
            task=WRAPPED,
            mode=Mode.TRIGGERED,
            created_us=now_us,
            policy=default_policy(task, settings.job_defaults, None),
        )


class Silences:
    """Losing the runs of reporters that have fallen silent."""

    def __init__(self, store: Store, settings: Settings, announce: Announcer) -> None:
        self._store, self._settings, self._announce = store, settings, announce
        self._patience = SILENT_BEATS * settings.wrap_heartbeat
        # While the server was away nobody could tell it anything.
        self._since = clock.monotonic()

    def end(self) -> list[Settled]:
        """End what nothing was heard of for too long, once there was time to be heard.

        Raises: Unavailable.
        """
        if clock.monotonic() - self._since < self._patience:
            return []
        now_us = clock.now_us()
        before_us = now_us - round(self._patience * clock.SECOND)
        lost = self._store.reports.lose(before_us, _silence, _AT_ONCE, now_us)
        for settled in lost:
            end = _lost_end(settled.run)
            tell_finished(settled, Settlement(end=end), self._settings.runs_dir)
        if lost:
            self._announce.web()
        return lost


def _silence(host: str, heard_us: int) -> str:
    heard = clock.from_us(heard_us).isoformat(timespec="seconds").replace("+00:00", "Z")
    return f"Nothing was heard of it from {host} since {heard}: how it ended is not known."


def _lost_end(run: Run) -> End:
    return End(run_id=run.id, claim=CLAIM, ended_by=EndedBy.LOST)


def _require_possible(report: Report, now_us: int) -> None:
    """Raise InvalidInput for times that cannot be meant."""
    now, times = clock.from_us(now_us), {"started_at": report.started_at}
    if report.end is not None:
        times["ended_at"] = report.end.ended_at
    wrong = [
        FieldError(field=name, rule="range", message=f"{name} is too far from now, {now:%F %T}Z.")
        for name, moment in times.items()
        if not now - OLDEST <= moment <= now + AHEAD
    ]
    if report.end is not None and report.end.ended_at < report.started_at:
        message = "ended_at must not be before started_at."
        wrong.append(FieldError(field="ended_at", rule="range", message=message))
    if wrong:
        raise InvalidInput(wrong)


def _settlement(report: Report, told: ReportedEnd) -> Callable[[int], Settlement]:
    def of(run_id: int) -> Settlement:
        end = End(
            run_id=run_id,
            claim=CLAIM,
            ended_by=told.ended_by,
            reason=told.reason,
            exit_code=told.exit_code,
            signal=told.signal,
            started_us=clock.to_us(report.started_at),
            ended_us=clock.to_us(told.ended_at),
            out_bytes=told.out_bytes,
            err_bytes=told.err_bytes,
        )
        return Settlement(end=end, out=told.out, err=told.err)

    return of
