"""What is told of a command that something else runs, and what the server says to it."""

import base64
import binascii
import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from jobsched.model import RunState
from jobsched.web.payloads.base import Payload
from jobsched.web.payloads.types import Instant, Name, Reason

LARGEST_COPY = 128 * 1024  # bytes of one stream
_LONGEST = (LARGEST_COPY + 2) // 3 * 4
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*", re.ASCII)
_END = ("exit_code", "signal", "ended_by", "reason", "out", "err", "out_bytes", "err_bytes")


def _base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise PydanticCustomError("characters", "must be base64") from None
    return text


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise PydanticCustomError("characters", "must be the name of a machine")
    return text


Host = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_host)]
Copy = Annotated[str, StringConstraints(max_length=_LONGEST), AfterValidator(_base64)]
Written = Annotated[int, Field(ge=0, le=2**53)]


class ReportRequest(Payload):
    """The body of PUT /reports/KEY: all that is known of a command, at each time anew."""

    name: Annotated[Name, Field(description="What the run is called; by default its job, too.")]
    job: Annotated[
        Name | None, Field(description="Uuid or name of a job that there is; default: by name.")
    ] = None
    host: Annotated[Host, Field(description="The machine it runs on.")]
    command: Annotated[
        Annotated[str, StringConstraints(max_length=8000)] | None,
        Field(description="The command, as a shell takes it."),
    ] = None
    started_at: Annotated[Instant, Field(description="By the clock of that machine.")]
    ended_at: Annotated[Instant | None, Field(description="Null while it runs.")] = None
    exit_code: Annotated[int | None, Field(ge=0, le=255, description="If it has exited.")] = None
    signal: Annotated[int | None, Field(ge=1, le=127, description="If one has ended it.")] = None
    ended_by: Annotated[
        Literal["exit", "stop", "timeout", "lost"],
        Field(description="What ended it; stop: the wish of this server."),
    ] = "exit"
    reason: Annotated[Reason | None, Field(description="More about its end.")] = None
    out: Annotated[Copy, Field(description="Base64 of what is kept of stdout.")] = ""
    err: Annotated[Copy, Field(description="Base64 of what is kept of stderr.")] = ""
    out_bytes: Annotated[Written, Field(description="How much it wrote in all.")] = 0
    err_bytes: Annotated[Written, Field(description="How much it wrote in all.")] = 0

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """Refuse an end without a time or a result, and a result without an end."""
        if self.ended_at is None:
            given = [name for name in _END if name in self.model_fields_set]
            if given:
                sentence = "has an end ({names}) without ended_at"
                raise PydanticCustomError("required", sentence, {"names": ", ".join(given)})
        elif self.ended_by != "lost" and (self.exit_code is None) == (self.signal is None):
            raise PydanticCustomError("required", "must have exit_code or signal, one of them")
        return self


class ReportAnswer(Payload):
    """What the server makes of a report, and what it asks of the reporter."""

    run: int
    job: str | None
    url: Annotated[str, Field(description="Where the run is.")]
    state: RunState
    stop: Annotated[
        Literal["stop", "kill"] | None, Field(description="Somebody wants the command to end.")
    ]
    heartbeat: Annotated[float, Field(description="Seconds until it should report again.")]
