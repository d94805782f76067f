"""Every refusal of jobsched: one class each, with its status, its title and a sentence.

JobschedError                500
├── ConfigurationError       (start refused; every mistake at once)
├── InvalidInput             400  errors: [{field, rule, message}]
│   └── MalformedRequest     400  the request could not even be read
├── NotAuthenticated         401
├── NotAllowed               403
├── NotFound                 404
│   ├── UnknownTask, UnknownJob, UnknownWebJob, UnknownRun, UnknownToken, UnknownPage
│   ├── UnknownRecord, UnknownSetting, UnknownHook
├── WrongMethod              405
├── Conflict                 409
│   ├── RunAlreadyFinished, RunNotFinished, JobBusy, WrongMode, AmbiguousName
│   ├── NothingToRetry
│   │   └── NotRetriable
│   ├── HookExists, WebJobFolder
├── StaleVersion             412
├── TooLarge                 413
├── RangeNotSatisfiable      416
├── KeyReused, RetryRefused  422
├── TooManyRequests          429
├── Unavailable              503
│   ├── DatabaseBusy, QueueFull
└── DiskFull                 507
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote


class JobschedError(Exception):
    """A failure with a name, a status and a sentence fit for the caller."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One broken rule of one field, such as ``interval.seconds``."""

    field: str
    rule: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One mistake in the configuration: where (file, line or section) and what."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class ConfigurationError(JobschedError):
    """The start is refused; *mistakes* holds every reason."""

    title = "Configuration error"

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = tuple(mistakes)


class InvalidInput(JobschedError):
    status = 400
    title = "Invalid input"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(" ".join(error.message for error in errors))
        self.errors = tuple(errors)

    @classmethod
    def field(cls, field: str, rule: str, message: str) -> "InvalidInput":
        """Return the refusal of one field for one reason."""
        return cls([FieldError(field=field, rule=rule, message=message)])


class MalformedRequest(InvalidInput):
    title = "Malformed request"


class NotAuthenticated(JobschedError):
    status = 401
    title = "Not authenticated"


class NotAllowed(JobschedError):
    status = 403
    title = "Not allowed"


class NotFound(JobschedError):
    status = 404
    title = "Not found"


class UnknownTask(NotFound):
    title = "Unknown task"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no task named {name!r} in the catalog.", task=name)


class UnknownJob(NotFound):
    title = "Unknown job"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"There is no job {job_id}.", job=job_id)


class UnknownWebJob(NotFound):
    title = "Unknown web job"

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"There is no {kind} web job {name!r}.", type=kind, name=name)


class UnknownRun(NotFound):
    title = "Unknown run"

    def __init__(self, run_id: object) -> None:
        super().__init__(f"There is no run {run_id}.", run=str(run_id))


class UnknownRecord(NotFound):
    title = "Unknown record"

    def __init__(self, record_id: object) -> None:
        super().__init__(f"There is no failed record {record_id}.", record=str(record_id))


class UnknownToken(NotFound):
    title = "Unknown token"

    def __init__(self, token_id: object) -> None:
        super().__init__(f"There is no token {token_id}.", token=str(token_id))


class UnknownSetting(NotFound):
    title = "Unknown app setting"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no app setting named {name!r}.", name=name)


class UnknownHook(NotFound):
    title = "Unknown web hook"

    def __init__(self, hook_id: str) -> None:
        super().__init__(f"There is no web hook {hook_id}.", hook=hook_id)


class UnknownPage(NotFound):
    title = "Unknown page"


class WrongMethod(JobschedError):
    status = 405
    title = "Method not allowed"


class Conflict(JobschedError):
    status = 409
    title = "Conflict"


class RunAlreadyFinished(Conflict):
    title = "Run already finished"

    def __init__(self, run_id: int) -> None:
        super().__init__(f"Run {run_id} has finished and cannot be stopped.", run=run_id)


class RunNotFinished(Conflict):
    title = "Run not finished"

    def __init__(self, run_id: int) -> None:
        super().__init__(f"Run {run_id} has not finished yet.", run=run_id)


class JobBusy(Conflict):
    """A run that was asked for may not start while another one lives (overlap: skip)."""

    title = "Job is running"

    def __init__(self, job_id: str, alive: int) -> None:
        super().__init__(
            f"Job {job_id} already has {alive} of its runs alive and its overlap policy is skip.",
            job=job_id,
            alive=alive,
        )


class WrongMode(Conflict):
    title = "Wrong mode"


class AmbiguousName(Conflict):
    title = "Ambiguous name"

    def __init__(self, name: str) -> None:
        super().__init__(f"Several jobs are called {name!r}; name one by its uuid.", name=name)


class NothingToRetry(Conflict):
    title = "Nothing to retry"


class NotRetriable(NothingToRetry):
    """A run that has ended, but is not run again: it has a retry, or its job has gone."""

    title = "Not retriable"

    def __init__(self, run_id: int, why: str, **facts: object) -> None:
        super().__init__(f"Run {run_id} cannot be retried: {why}.", run=run_id, **facts)


class WebJobFolder(Conflict):
    """What a web job is stands in its folder: that is changed and deleted, not the job."""

    title = "Web job"

    def __init__(self, job_id: str, kind: str, name: str) -> None:
        url = f"/api/{kind}webjobs/{quote(name)}"
        super().__init__(
            f"Job {job_id} is a web job: delete it at {url}, change it at {url}/settings.",
            job=job_id,
        )


class HookExists(Conflict):
    title = "Web hook exists"

    def __init__(self, hook_id: str) -> None:
        super().__init__(f"Web hook {hook_id} has this address already.", hook=hook_id)


class StaleVersion(JobschedError):
    status = 412
    title = "Stale version"


class TooLarge(JobschedError):
    status = 413
    title = "Request too large"


class RangeNotSatisfiable(JobschedError):
    status = 416
    title = "Range not satisfiable"


class KeyReused(JobschedError):
    status = 422
    title = "Idempotency key reused"


class RetryRefused(JobschedError):
    """Celigo's clients are told 422 where there is nothing to retry (seeds.md, C7)."""

    status = 422
    title = "Retry refused"


class TooManyRequests(JobschedError):
    status = 429
    title = "Too many requests"

    def __init__(self, detail: str, retry_after: int = 1, *, news: bool = True) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        self.news = news  # whether the client has not been refused so for a while


class Unavailable(JobschedError):
    status = 503
    title = "Unavailable"

    def __init__(self, detail: str, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class DatabaseBusy(Unavailable):
    title = "Database busy"


class QueueFull(Unavailable):
    title = "Queue full"


class DiskFull(JobschedError):
    status = 507
    title = "Disk full"
