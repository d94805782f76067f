"""What Celigo's routes take and answer; the names are those of seed 003."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, RootModel, StringConstraints
from pydantic_core import PydanticCustomError

from jobsched.web.celigo.words import STATUSES, TYPES, plain
from jobsched.web.payloads.base import Payload
from jobsched.web.payloads.records import Data
from jobsched.web.payloads.types import Instant, Name, QueryInstant, QueryText

LONGEST = 18  # digits of an id


def _number(text: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST):
        raise PydanticCustomError("invalid", "must be the _id of a job")
    return text


def _statuses(text: str) -> str:
    return _listed(text, STATUSES)


def _types(text: str) -> str:
    return _listed(text, TYPES)


def _listed(text: str, known: Any) -> str:
    for word in text.split(","):
        if plain(word.strip()) not in known:
            raise PydanticCustomError("choice", "takes {words}", {"words": ", ".join(known)})
    return text


Number = Annotated[str, AfterValidator(_number)]
Statuses = Annotated[str, AfterValidator(_statuses)]
Types = Annotated[str, AfterValidator(_types)]
Texts = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Count = Annotated[int | None, Field(ge=0)]


class _References(Payload):
    integration: Annotated[
        Name | None, Field(alias="_integrationId", description="Any text, to find it by.")
    ] = None
    export: Annotated[Name | None, Field(alias="_exportId", description="Needed by an export.")] = (
        None
    )
    import_: Annotated[
        Name | None, Field(alias="_importId", description="Needed by an import.")
    ] = None
    flow: Annotated[
        Name | None, Field(alias="_flowId", description="Uuid or name of what runs.")
    ] = None
    flow_job: Annotated[
        Number | None, Field(alias="_flowJobId", description="The job that it is a part of.")
    ] = None


class CeligoNewJob(_References):
    """The body of POST /v1/jobs: ``_flowId``, or the id of its type, names what runs."""

    type: Literal["export", "import", "flow"] = "flow"


class CeligoChange(_References):
    """The body of PUT /v1/jobs/ID: references, or ``"status": "canceling"``.

    The other fields may be there as GET shows them.
    """

    status: Annotated[str | None, Field(description="canceling, to cancel it.")] = None
    id: Annotated[str | None, Field(alias="_id")] = None
    retry_of: Annotated[str | None, Field(alias="_retryOfJobId")] = None
    type: str | None = None
    created_at: Annotated[str | None, Field(alias="createdAt")] = None
    started_at: Annotated[str | None, Field(alias="startedAt")] = None
    ended_at: Annotated[str | None, Field(alias="endedAt")] = None
    last_modified: Annotated[str | None, Field(alias="lastModified")] = None
    queue_time: Annotated[int | None, Field(alias="queueTime")] = None
    errors: Annotated[int | None, Field(alias="numError")] = None
    successes: Annotated[int | None, Field(alias="numSuccess")] = None
    ignores: Annotated[int | None, Field(alias="numIgnore")] = None
    retriable: bool | None = None
    files: list[dict[str, str]] | None = None
    logs: list[dict[str, str]] | None = None


class CeligoQuery(Payload):
    """The query of GET /v1/jobs. Lists are separated by commas; all that is given must fit."""

    status: Annotated[Statuses | None, Field(description=", ".join(STATUSES))] = None
    type: Annotated[Types | None, Field(description=", ".join(TYPES))] = None
    type_in: Annotated[Types | None, Field(description="Likewise.")] = None
    flow: Annotated[
        QueryText | None, Field(alias="_flowId", description="Uuid or name of a job.")
    ] = None
    flow_in: Annotated[Texts | None, Field(alias="_flowId_in", description="Several.")] = None
    integration: Annotated[
        QueryText | None, Field(alias="_integrationId", description="As it was given.")
    ] = None
    export: Annotated[
        QueryText | None, Field(alias="_exportId", description="As it was given.")
    ] = None
    import_: Annotated[
        QueryText | None, Field(alias="_importId", description="As it was given.")
    ] = None
    flow_job: Annotated[
        Number | None, Field(alias="_flowJobId", description="Parts of this job.")
    ] = None
    retriable: Annotated[bool | None, Field(description="Whether a retry has work.")] = None
    created_at_gte: Annotated[
        QueryInstant | None, Field(alias="createdAt_gte", description="Made at or after.")
    ] = None
    created_at_lte: Annotated[
        QueryInstant | None, Field(alias="createdAt_lte", description="Made at or before.")
    ] = None
    success_gte: Annotated[Count, Field(alias="numSuccess_gte")] = None
    success_lte: Annotated[Count, Field(alias="numSuccess_lte")] = None
    ignore_gte: Annotated[Count, Field(alias="numIgnore_gte")] = None
    ignore_lte: Annotated[Count, Field(alias="numIgnore_lte")] = None
    error_gte: Annotated[Count, Field(alias="numError_gte")] = None
    error_lte: Annotated[Count, Field(alias="numError_lte")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Most values in one answer.")] = 1000
    cursor: Annotated[str | None, Field(description="Where the page before ended.")] = None


class CeligoErrorQuery(Payload):
    """The query of GET /v1/jobs/ID/joberrors."""

    limit: Annotated[int, Field(ge=1, le=1000, description="Most values in one answer.")] = 1000
    cursor: Annotated[str | None, Field(description="Where the page before ended.")] = None


class CeligoFile(Payload):
    """A stream that a job wrote, at ``host + "/" + id``."""

    id: str
    host: str
    name: str


class CeligoPlace(Payload):
    """Something to be fetched from ``host + "/" + id``."""

    id: str
    host: str


class CeligoJob(Payload):
    """A job of seed 003, which is a run. Times are in UTC, with milliseconds."""

    id: Annotated[str, Field(alias="_id")]
    type: Literal["export", "import", "flow", "retry"]
    integration: Annotated[str | None, Field(alias="_integrationId")]
    export: Annotated[str | None, Field(alias="_exportId")]
    import_: Annotated[str | None, Field(alias="_importId")]
    flow: Annotated[str | None, Field(alias="_flowId", description="As given, or a job's uuid.")]
    flow_job: Annotated[str | None, Field(alias="_flowJobId")]
    retry_of: Annotated[str | None, Field(alias="_retryOfJobId")]
    status: Literal["queued", "running", "completed", "failed", "canceling", "canceled"]
    created_at: Annotated[Instant, Field(alias="createdAt")]
    started_at: Annotated[Instant | None, Field(alias="startedAt")]
    ended_at: Annotated[Instant | None, Field(alias="endedAt")]
    last_modified: Annotated[Instant, Field(alias="lastModified")]
    queue_time: Annotated[int | None, Field(alias="queueTime", description="Milliseconds.")]
    errors: Annotated[int, Field(alias="numError", description="What is still failed.")]
    successes: Annotated[int, Field(alias="numSuccess")]
    ignores: Annotated[int, Field(alias="numIgnore")]
    retriable: Annotated[bool, Field(description="Whether a retry has something to do.")]
    files: list[CeligoFile]
    logs: list[CeligoPlace]


class CeligoFamily(CeligoJob):
    """A job with its parts and the retries of all of them, the oldest first, at most 1000."""

    children: list[CeligoJob]


class CeligoJobs(RootModel[list[CeligoJob]]):
    """Jobs; the header Link says where the next page is."""


class CeligoError(Payload):
    """A record that failed in a job. *data* says where what it holds is read and changed."""

    retry: Annotated[str, Field(alias="_retryId")]
    job: Annotated[str, Field(alias="_jobId")]
    created_at: Annotated[Instant, Field(alias="createdAt")]
    message: str
    code: str | None
    source: Annotated[str, Field(description="The task.")]
    resolved: Annotated[bool, Field(description="A retry has succeeded with it.")]
    retriable: Annotated[bool, Field(description="It waits for a retry.")]
    data: CeligoPlace


class CeligoErrors(RootModel[list[CeligoError]]):
    """Errors in the order of the report; the header Link says where the next page is."""


class CeligoData(RootModel[Data]):
    """Any JSON value: what a retry of the record gets."""
