"""Running again what failed: one run, the newest of a job, failed retries, or many by filter."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

from jobsched import clock
from jobsched.errors import DiskFull, NothingToRetry, Unavailable, UnknownRun, WrongMode
from jobsched.model import Job, Mode, Outcome, Run
from jobsched.operations.announce import Announcer
from jobsched.operations.queueing import Queue
from jobsched.storage import Store
from jobsched.storage.idempotency import IdempotencyKey, KeyTaken
from jobsched.storage.paging import Page
from jobsched.storage.retrying import Demand, Refusal
from jobsched.storage.searching import RunFilter

MOST = 10_000  # retries that one request may ask for
MOST_TOLD = 1000  # refusals that an answer lists
# As many runs, or records of theirs, in one transaction: others wait for no more than that.
_AT_ONCE = 50
_MOST_RECORDS = 2000


@dataclass(slots=True, kw_only=True)
class Retried:
    """What has become of a request for many retries.

    *matched* runs were due for one; *runs* are the new ones, *refused* were counted, and the first
    of them are told in *refusals* as (run, reason). *reason* says why it ended before all were
    tried, None when it did not.
    """

    matched: int
    runs: list[int] = field(default_factory=list)
    refused: int = 0
    refusals: list[tuple[int, str]] = field(default_factory=list)
    reason: str | None = None

    @property
    def left(self) -> int:
        """How many have not been tried."""
        return self.matched - self.tried

    @property
    def tried(self) -> int:
        """How many have a retry now, or were refused one."""
        return len(self.runs) + self.refused

    def count(self, answers: Sequence[Run | Refusal]) -> None:
        """Add what has become of some runs."""
        for answer in answers:
            if isinstance(answer, Run):
                self.runs.append(answer.id)
                continue
            self.refused += 1
            if len(self.refusals) < MOST_TOLD:
                self.refusals.append((answer.run_id, answer.error.detail))

    def with_more(self, answers: Sequence[Run | Refusal]) -> "Retried":
        """Return what it will be once *answers* are counted too."""
        more = replace(self, runs=[*self.runs], refusals=[*self.refusals])
        more.count(answers)
        return more

    def to_text(self) -> str:
        """Return it as JSON, to be kept."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> "Retried":
        """Return what :meth:`to_text` wrote."""
        plain = json.loads(text)
        plain["refusals"] = [(run_id, why) for run_id, why in plain["refusals"]]
        return cls(**plain)


class Retries:
    """The verbs on failed runs."""

    def __init__(self, store: Store, queue: Queue, announce: Announcer) -> None:
        self._store = store
        self._queue = queue
        self._announce = announce

    def retry_job(self, job: Job, by: str, key: IdempotencyKey | None = None) -> Run:
        """Run the newest failed run of *job* again.

        Raises: NothingToRetry when no retry is due; as ``Runs.retry``.
        """
        if (made := self._queue.made(key)) is not None:
            return made
        _require_not_continuous(job)
        failed = self._store.runs.due(RunFilter(job=job.id, open=True), 1)
        if not failed:
            raise NothingToRetry(f"Job {job.id} has no failed run that has not been retried.")
        return self._queue.retry(failed[0][0], by, key)

    def retry_retry(self, job: Job, run_id: int, by: str, key: IdempotencyKey | None = None) -> Run:
        """Run the failed retry *run_id* of *job* again.

        Raises: UnknownRun when the job has no such retry; NothingToRetry when it has not failed;
            as ``Runs.retry``.
        """
        if (made := self._queue.made(key)) is not None:
            return made
        run = self._store.runs.get(run_id)
        if run is None or run.job_key != job.key or run.retry_of is None:
            raise UnknownRun(run_id)
        _require_not_continuous(job)
        if run.outcome is Outcome.SUCCEEDED and not run.open_records:
            raise NothingToRetry(f"Run {run_id} has succeeded.", run=run_id)
        return self._queue.retry(run_id, by, key)

    def retry_retries(self, job: Job, by: str, key: IdempotencyKey | None = None) -> Retried:
        """Run all failed retries of *job* again that have no retry themselves, the newest first.

        Raises: NothingToRetry when there is none, or none may be retried now; QueueFull when not
            even one could wait; WrongMode, KeyReused.
        """
        _require_not_continuous(job)
        done = self.retry_many(RunFilter(job=job.id, retries=True), MOST_TOLD, by, key)
        if done.refusals and not done.runs:
            raise NothingToRetry(done.refusals[0][1], job=job.id)
        if not done.matched:
            raise NothingToRetry(
                f"Job {job.id} has no failed retry that has not been retried; its failed runs are "
                f'retried by POST /runs/retry with {{"job": "{job.id}"}}.',
                job=job.id,
            )
        return done

    def retry_many(
        self,
        filters: RunFilter,
        limit: int,
        by: str,
        key: IdempotencyKey | None = None,
        *,
        dry_run: bool = False,
    ) -> Retried:
        """Run again the newest *limit* of the runs that pass *filters* and are due for a retry.

        A queue that fills up on the way, or a database or disk that has no room any more, ends it;
        what was made until then is told.

        Raises: QueueFull, DatabaseBusy, DiskFull when not even one could be made; KeyReused.
        """
        if (told := self._told(key)) is not None:
            return told
        wanted = replace(filters, open=True)
        due = self._store.runs.due(wanted, limit)
        matched = len(due) if len(due) < limit else self._store.runs.count(wanted)
        done = Retried(matched=matched)
        if dry_run or not due:
            return done
        demand = Demand(requested_by=by, now_us=clock.now_us(), barred=self._queue.barred())
        try:
            self._retry_all(due, demand, key, done)
        except KeyTaken as taken:
            return Retried.from_text(taken.result)
        except (Unavailable, DiskFull) as error:
            if not done.tried:
                raise
            done.reason = error.detail
            if key is not None:
                self._store.idempotency.keep(key, done.to_text())
        return done

    def of_job(self, job: Job, limit: int, cursor: str | None) -> Page[Run]:
        """Return a page of the runs of *job* that are retries, newest first."""
        return self._store.runs.list(RunFilter(job=job.id, retries=True), limit, cursor)

    def runs_of(self, done: Retried) -> list[Run]:
        """Return the runs that were made, as they are now."""
        found = self._store.runs.by_ids(done.runs)
        return [found[run_id] for run_id in done.runs if run_id in found]

    def _retry_all(
        self,
        due: Iterable[tuple[int, int]],
        demand: Demand,
        key: IdempotencyKey | None,
        done: Retried,
    ) -> None:
        """Retry what is *due*, portion by portion, as far as there is room for it."""
        for portion in portions(due):
            rest = portion
            while rest:
                places = self._queue.reserve(len(rest))
                self._retry_part(rest[:places], demand, key, done)
                rest = rest[places:]

    def _retry_part(
        self, part: list[int], demand: Demand, key: IdempotencyKey | None, done: Retried
    ) -> None:
        answers = self._store.runs.retry_many(
            part, demand, key, lambda answers: done.with_more(answers).to_text()
        )
        done.count(answers)
        made = [answer for answer in answers if isinstance(answer, Run)]
        if made:
            self._tell(made, str(demand.requested_by))

    def _tell(self, made: Sequence[Run], by: str) -> None:
        self._announce.supervisor()
        told = ({"run": run.id, "name": run.name, "retry_of": run.retry_of} for run in made)
        self._announce.runs("queued", by, told)

    def _told(self, key: IdempotencyKey | None) -> Retried | None:
        """Return what *key* has brought about already. Raises: KeyReused."""
        made = None if key is None else self._store.idempotency.made(key, clock.now_us())
        return None if made is None else Retried.from_text(made)


def portions(due: Iterable[tuple[int, int]]) -> Iterator[list[int]]:
    """Yield runs, given with the number of their open records, in portions for a transaction."""
    portion: list[int] = []
    records = 0
    for run_id, count in due:
        if portion and (len(portion) == _AT_ONCE or records + count > _MOST_RECORDS):
            yield portion
            portion, records = [], 0
        portion.append(run_id)
        records += count
    if portion:
        yield portion


def _require_not_continuous(job: Job) -> None:
    if job.mode is Mode.CONTINUOUS:
        raise WrongMode(f"Job {job.id} is continuous: it starts anew by itself.", job=job.id)
