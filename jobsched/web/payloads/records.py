"""Failed records as they are shown, and the data that the next retry gets."""

import json
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from jobsched.model import RecordState
from jobsched.web.payloads.base import Payload
from jobsched.web.payloads.types import Instant

LARGEST_DATA = 256 * 1024  # bytes as JSON, as in a report


def _not_too_large(data: Any) -> Any:
    if len(json.dumps(data)) > LARGEST_DATA:
        sentence = "must not be larger than {largest} bytes"
        raise PydanticCustomError("length", sentence, {"largest": LARGEST_DATA})
    return data


Data = Annotated[Any, AfterValidator(_not_too_large)]


class RecordQuery(Payload):
    """The query of GET /runs/ID/records."""

    state: Annotated[RecordState | None, Field(description="Records in this state.")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Most values in one answer.")] = 1000
    cursor: Annotated[str | None, Field(description="Where the page before ended.")] = None


class RecordData(Payload):
    """The body of PUT /records/ID: what the next retry gets."""

    data: Annotated[Data, Field(description="Any JSON value.")]


class RecordAnswer(Payload):
    """One record that failed, with the same *retry_id* for its whole life."""

    retry_id: int
    run: Annotated[int, Field(description="The run that reported it first.")]
    last_run: Annotated[int, Field(description="The newest run in which it failed.")]
    number: Annotated[int, Field(description="Its place in the first report; 0: the whole run.")]
    message: str
    code: str | None
    data: Any
    state: RecordState
    given_to: Annotated[int | None, Field(description="The run that retries it now.")]
    attempts: Annotated[int, Field(description="How often it has been tried.")]
    created_at: Instant
    url: str


class RecordList(Payload):
    """A page of records, in the order of the report; *next* is where the following page is."""

    values: list[RecordAnswer]
    next: str | None
