"""What all jobs will do, as it is asked for and shown."""

from typing import Annotated

from pydantic import Field

from jobsched.web.payloads.base import Payload
from jobsched.web.payloads.types import Instant


class UpcomingQuery(Payload):
    """The query of GET /upcoming."""

    hours: Annotated[int, Field(ge=1, le=168, description="How far to look ahead.")] = 24
    limit: Annotated[int, Field(ge=1, le=1000, description="Most values in one answer.")] = 1000
    cursor: Annotated[str | None, Field(description="Where the page before ended.")] = None


class UpcomingAnswer(Payload):
    """One planned moment of a job."""

    at: Instant
    job: Annotated[str, Field(description="The job's uuid.")]
    name: str
    p95: Annotated[
        float | None,
        Field(description="Seconds that 95 of 100 of its newest runs did not exceed."),
    ]
    running: Annotated[
        int, Field(description="Runs of all jobs expected to be alive then, this one included.")
    ]


class UpcomingList(Payload):
    """A page of moments, the earliest first; *next* is where the following page is."""

    values: list[UpcomingAnswer]
    next: str | None
