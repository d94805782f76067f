"""Runs as they are asked for and shown."""

from typing import Annotated, Any, Literal

from pydantic import Field

from jobsched.model import EndedBy, Outcome, RunState
from jobsched.web.payloads.base import Payload
from jobsched.web.payloads.types import (
    Instant,
    Name,
    Params,
    Priority,
    QueryInstant,
    QueryText,
    Reason,
    Seconds,
    Word,
)

Stream = Literal["out", "err", "both"]


class RunRequest(Payload):
    """The body of POST /runs: a task to run once, without a job."""

    task: Annotated[Name, Field(description="A name from the catalog.")]
    name: Annotated[Name | None, Field(description="Default: the task's name.")] = None
    at: Annotated[
        Instant | None, Field(description="Not before; at most a minute in the past.")
    ] = None
    params: Annotated[
        Params | None, Field(description="Parameters, of those that the task allows.")
    ] = None
    queue: Annotated[Word | None, Field(description="Queue in which it waits.")] = None
    priority: Annotated[Priority | None, Field(description="Higher runs start first.")] = None
    timeout: Annotated[
        Seconds | None, Field(description="Longest life; 0 is none, null the task's.")
    ] = None


class RunNowRequest(Payload):
    """The body of POST /jobs/UUID/run."""

    params: Annotated[
        Params | None, Field(description="Instead of the job's parameters of the same names.")
    ] = None


class StopRequest(Payload):
    """The body of POST /runs/ID/stop."""

    reason: Annotated[Reason | None, Field(description="Why, for whoever looks later.")] = None


class RunFilters(Payload):
    """What picks runs out of all of them."""

    state: Annotated[RunState | None, Field(description="Runs in this state.")] = None
    outcome: Annotated[Outcome | None, Field(description="Runs that ended so.")] = None
    job: Annotated[QueryText | None, Field(description="Runs of the job with this uuid.")] = None
    task: Annotated[QueryText | None, Field(description="Runs of this task.")] = None
    node: Annotated[QueryText | None, Field(description="Runs on this machine.")] = None
    since: Annotated[QueryInstant | None, Field(description="Made at or after.")] = None
    until: Annotated[QueryInstant | None, Field(description="Made before.")] = None
    q: Annotated[QueryText | None, Field(description="Text in the name.")] = None


class RunQuery(RunFilters):
    """The query of GET /runs."""

    limit: Annotated[int, Field(ge=1, le=1000, description="Most values in one answer.")] = 1000
    cursor: Annotated[str | None, Field(description="Where the page before ended.")] = None


class PageQuery(Payload):
    """The query of lists without filters."""

    limit: Annotated[int, Field(ge=1, le=1000, description="Most values in one answer.")] = 1000
    cursor: Annotated[str | None, Field(description="Where the page before ended.")] = None


class RetryManyRequest(RunFilters):
    """The body of POST /runs/retry: which runs, and whether only to count them."""

    all: Annotated[bool, Field(description="Needed when there is no filter.")] = False
    dry_run: Annotated[bool, Field(description="Only count.")] = False
    limit: Annotated[int, Field(ge=1, le=10_000, description="Most runs to retry.")] = 1000


class RefusalAnswer(Payload):
    """A run that was not retried, and why."""

    run: int
    reason: str


class RetryManyAnswer(Payload):
    """How many runs there are to retry, the ids of the new ones, and what became of the others."""

    matched: Annotated[int, Field(description="All that are due, beyond the limit too.")]
    retried: Annotated[int, Field(description="How many new runs there are.")]
    runs: list[int]
    refused: Annotated[int, Field(description="How many may not be retried now.")]
    refusals: Annotated[list[RefusalAnswer], Field(description="The first 1000 of those.")]
    left: Annotated[int, Field(description="How many were not tried.")]
    reason: Annotated[
        str | None, Field(description="Why it ended before the limit: the queue is full.")
    ]


class OutputQuery(Payload):
    """The query of GET /runs/ID/output."""

    stream: Annotated[Stream, Field(description="Which of the two streams.")] = "both"
    offset: Annotated[int, Field(ge=0, description="First byte.")] = 0
    limit: Annotated[int | None, Field(ge=0, description="Most bytes.")] = None
    tail: Annotated[int | None, Field(ge=0, le=1_000_000, description="Last lines only.")] = None
    follow: Annotated[bool, Field(description="Go on until the run ends.")] = False


class CountsAnswer(Payload):
    """Records that a run reported; *error* are those that no retry has resolved since."""

    success: int
    error: int
    ignore: int


class ProgressAnswer(Payload):
    """How far a run says it is: a fraction from 0 to 1, and a few words."""

    fraction: float | None
    text: str | None


class StreamAnswer(Payload):
    """One output stream: where, how much the run wrote, and how much of that is kept."""

    url: str
    bytes: int
    kept: int


class OutputAnswer(Payload):
    """Both output streams."""

    out: StreamAnswer
    err: StreamAnswer


class RunAnswer(Payload):
    """A run as it is shown. Durations are in seconds, sizes in bytes."""

    id: int
    job: str | None
    job_url: str | None
    name: str
    task: str
    state: RunState
    outcome: Outcome | None
    exit_code: int | None
    signal: int | None
    ended_by: EndedBy | None
    reason: Annotated[
        str | None, Field(description="Why it ended so; of a queued run, what it waits for.")
    ]
    requested_by: str | None
    due_at: Instant | None
    created_at: Instant
    started_at: Instant | None
    ended_at: Instant | None
    queued_for: float | None
    duration: float | None
    attempt: int
    retry_of: int | None
    retried_by: int | None
    node: str | None
    queue: str
    priority: int
    params: dict[str, Any]
    counts: CountsAnswer
    open_records: Annotated[int, Field(description="Failed records that wait for a retry.")]
    retriable: Annotated[bool, Field(description="Whether a retry has anything to do.")]
    progress: ProgressAnswer | None
    cpu_seconds: float | None
    peak_memory: int | None
    output: OutputAnswer
    url: str


class RetryAnswer(Payload):
    """A run that retries another one, in short."""

    id: int
    retry_of: Annotated[int, Field(description="The run that it repeats.")]
    retried_by: Annotated[int | None, Field(description="The run that repeats it.")]
    attempt: int
    state: RunState
    outcome: Outcome | None
    open: Annotated[bool, Field(description="It failed, and has not been retried since.")]
    reason: str | None
    requested_by: Annotated[str | None, Field(description="Null: it was the job's policy.")]
    not_before: Annotated[Instant | None, Field(description="The end of its back-off.")]
    created_at: Instant
    started_at: Instant | None
    ended_at: Instant | None
    url: str
    retry_of_url: str


class RetryList(Payload):
    """A page of retries, the newest first; *next* is where the following page is."""

    values: list[RetryAnswer]
    next: str | None


class NewRetries(Payload):
    """The runs that were made, and how many there are still to retry."""

    values: list[RunAnswer]
    next: None
    refused: Annotated[int, Field(description="How many may not be retried now.")]
    refusals: list[RefusalAnswer]
    left: Annotated[int, Field(description="How many were not tried.")]
    reason: Annotated[str | None, Field(description="Why they were not: the queue is full.")]


class RunList(Payload):
    """A page of runs, the newest first; *next* is where the following page is."""

    values: list[RunAnswer]
    next: str | None
