"""Jobs as they are asked for, changed and shown."""

from typing import Annotated, Any, Literal

from pydantic import Field

from jobsched.model import (
    Dst,
    JobState,
    Mode,
    OccurrenceOutcome,
    OnExcluded,
    Outcome,
    RunState,
    ServiceState,
)
from jobsched.web.payloads.base import Payload
from jobsched.web.payloads.policy import PolicyFields
from jobsched.web.payloads.triggers import TriggerFields
from jobsched.web.payloads.types import (
    Instant,
    Name,
    Params,
    Prose,
    QueryInstant,
    QueryText,
    Reason,
    Tag,
    Word,
)


class JobFields(TriggerFields, PolicyFields):
    """What may be said about a job, when it is made and when it is changed."""

    mode: Annotated[
        Literal["scheduled", "triggered", "continuous"] | None,
        Field(
            description="triggered: it has no moments and runs when asked; continuous: it runs "
            "all the time, and is started again when it ends."
        ),
    ] = None
    params: Annotated[
        Params | None, Field(description="Parameters, of those that the task allows.")
    ] = None
    group: Annotated[Word | None, Field(description="A word to find jobs by.")] = None
    tags: Annotated[list[Tag] | None, Field(max_length=32, description="Words of yours.")] = None
    description: Annotated[Prose | None, Field(description="Anything you want to note.")] = None
    paused: Annotated[bool | None, Field(description="Whether it is paused.")] = None


class JobRequest(JobFields):
    """The body of POST /jobs: a task, a name, and when it runs."""

    task: Annotated[Name, Field(description="A name from the catalog.")]
    name: Annotated[Name, Field(description="What you call the job; need not be unique.")]


class JobChange(JobFields):
    """The body of PUT /jobs/UUID: the fields to change.

    A body taken from GET may be sent back: read-only fields with the value that they have are
    ignored.
    """

    task: Annotated[Name | None, Field(description="A name from the catalog.")] = None
    name: Annotated[Name | None, Field(description="What you call the job.")] = None
    id: Annotated[Any, Field(description="Read-only.")] = None
    next_run: Annotated[Any, Field(description="Read-only.")] = None
    next_run_at: Annotated[Any, Field(description="Read-only.")] = None
    trigger_: Annotated[Any, Field(alias="trigger", description="Read-only.")] = None
    state: Annotated[Any, Field(description="Read-only.")] = None
    state_reason: Annotated[Any, Field(description="Read-only.")] = None
    paused_until: Annotated[Any, Field(description="Read-only.")] = None
    last_run: Annotated[Any, Field(description="Read-only.")] = None
    service: Annotated[Any, Field(description="Read-only.")] = None
    running: Annotated[Any, Field(description="Read-only.")] = None
    queued: Annotated[Any, Field(description="Read-only.")] = None
    created_at: Annotated[Any, Field(description="Read-only.")] = None
    updated_at: Annotated[Any, Field(description="Read-only.")] = None
    version: Annotated[Any, Field(description="Read-only.")] = None
    url: Annotated[Any, Field(description="Read-only.")] = None


READ_ONLY = tuple(
    field.alias or name
    for name, field in JobChange.model_fields.items()
    if name not in JobRequest.model_fields
)


class PauseRequest(Payload):
    """The body of a pause: until when, and why."""

    until: Annotated[Instant | None, Field(description="When it ends by itself.")] = None
    reason: Annotated[Reason | None, Field(description="Why, for whoever looks later.")] = None


class JobQuery(Payload):
    """The query of GET /jobs."""

    name: Annotated[QueryText | None, Field(description="Jobs of exactly this name.")] = None
    task: Annotated[QueryText | None, Field(description="Jobs of this task.")] = None
    group: Annotated[QueryText | None, Field(description="Jobs of this group.")] = None
    mode: Annotated[Mode | None, Field(description="Jobs of this mode.")] = None
    state: Annotated[
        Literal["active", "paused", "finished", "blocked"] | None,
        Field(description="Jobs in this state."),
    ] = None
    q: Annotated[QueryText | None, Field(description="Text in the name or description.")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Most values in one answer.")] = 1000
    cursor: Annotated[str | None, Field(description="Where the page before ended.")] = None


class DeleteQuery(Payload):
    """The query of DELETE /jobs/UUID."""

    stop: Annotated[bool, Field(description="Also stop its runs.")] = False


class OccurrenceQuery(Payload):
    """The query of GET /jobs/UUID/occurrences."""

    from_: Annotated[
        QueryInstant | None, Field(alias="from", description="Default: 24 hours ago.")
    ] = None
    to: Annotated[QueryInstant | None, Field(description="Default: in 24 hours.")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Most values in one answer.")] = 1000
    cursor: Annotated[str | None, Field(description="Where the page before ended.")] = None


class LastRun(Payload):
    """The newest run of a job, in short."""

    id: int
    state: RunState
    outcome: Outcome | None
    due_at: Instant | None
    started_at: Instant | None
    ended_at: Instant | None
    url: str


class ServiceAnswer(Payload):
    """Where a continuous job stands on one machine."""

    node: str
    state: ServiceState
    run: Annotated[int | None, Field(description="Its run that is not done.")]
    since: Annotated[Instant, Field(description="Since when it is in this state.")]
    next_try: Annotated[Instant | None, Field(description="When it is started again.")]
    restarts: Annotated[
        int, Field(description="How often it has been started again since it was wanted.")
    ]
    exits: Annotated[
        int, Field(description="How often in a row it has ended within 10 s of its start.")
    ]


class MisfireAnswer(Payload):
    """How late a moment may start (seconds, null = no limit), and which overdue ones run."""

    grace: float | None
    catch_up: str


class RetriesAnswer(Payload):
    """Automatic retries after a failure."""

    max: int
    backoff: float
    factor: float
    max_backoff: float
    jitter: float
    exit_codes: list[int] | None
    exceptions: list[str] | None


class HealthAnswer(Payload):
    """How a continuous job is found to hang."""

    command: list[str] | None
    url: str | None
    interval: float
    timeout: float
    failures: int


class JobAnswer(Payload):
    """A job as it is shown."""

    id: str
    name: str
    task: str
    mode: Mode
    state: JobState
    state_reason: str | None
    next_run: Annotated[
        str | None,
        Field(
            pattern=r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$",
            description="The next moment in the server's local time.",
        ),
    ]
    next_run_at: Annotated[Instant | None, Field(description="The next moment in UTC.")]
    interval: Annotated[
        str | None, Field(description="Time between moments, such as 1 day, 6:01:00.")
    ]
    at: Instant | None
    cron: Annotated[
        str | dict[str, str] | None,
        Field(description="The expression; an object with its dialect unless that is unix."),
    ]
    recurrence: Annotated[
        dict[str, Any] | None,
        Field(description="Its count and endTime stand here, its start in startTime."),
    ]
    startTime: str | None  # noqa: N815 - as Azure spells it
    any: Annotated[
        list[dict[str, Any]] | None, Field(description="Triggers in their canonical form.")
    ]
    timezone: str | None
    dst: Dst | None
    start: Instant | None
    end: Instant | None
    count: int | None
    jitter: float | None
    calendars: list[str] | None
    on_excluded: OnExcluded | None
    trigger: Annotated[
        dict[str, Any] | None,
        Field(description="The canonical form of the trigger, with a description in words."),
    ]
    params: dict[str, Any]
    group: str | None
    tags: list[str]
    description: str | None
    queue: str
    priority: int
    max_instances: int
    overlap: str
    misfire: MisfireAnswer
    timeout: float | None
    idle_timeout: float | None
    grace: float | None
    retries: RetriesAnswer
    on_lost: str
    history: int | None
    env: dict[str, str]
    run_as: str | None
    detach: bool
    singleton: bool
    health: HealthAnswer | None
    paused: bool
    paused_until: Instant | None
    last_run: LastRun | None
    service: Annotated[
        list[ServiceAnswer] | None,
        Field(description="Of a continuous job: where it stands on each machine."),
    ]
    running: int
    queued: int
    created_at: Instant
    updated_at: Instant
    version: int
    url: str


class JobList(Payload):
    """A page of jobs; *next* is where the following page is."""

    values: list[JobAnswer]
    next: str | None


class OccurrenceAnswer(Payload):
    """One planned moment and what became of it; first, last and count for a stretch of them."""

    due_at: Instant
    outcome: OccurrenceOutcome
    reason: str | None
    run: int | None
    late_by: float | None
    first: Instant | None = None
    last: Instant | None = None
    count: int | None = None


class OccurrenceList(Payload):
    """A page of occurrences, the newest first; *next* is where the following page is."""

    values: list[OccurrenceAnswer]
    next: str | None
