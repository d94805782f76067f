"""The catalog, tokens, pauses of everything and the state of the server, as they are shown."""

from typing import Annotated, Any

from pydantic import Field

from jobsched.model import Role
from jobsched.web.payloads.base import Payload
from jobsched.web.payloads.types import Instant, QueryInstant, QueryText, Word


class CatalogAnswer(Payload):
    """The tasks that may be scheduled, in the order of the catalog."""

    tasks: list[str]


class TaskAnswer(Payload):
    """One entry of the catalog; the values of secrets are stars."""

    name: str
    file: str
    class_: Annotated[str, Field(alias="class")]
    arguments: dict[str, str]
    params: list[str]
    policy: dict[str, Any]
    description: Annotated[str | None, Field(description="First line of the docstring.")]
    url: str


class TokenRequest(Payload):
    """The body of POST /tokens."""

    name: Annotated[Word, Field(description="Whose token it is.")]
    role: Annotated[Role, Field(description="What it allows.")]
    expires_at: Annotated[Instant | None, Field(description="When it ends by itself.")] = None


class TokenAnswer(Payload):
    """A token without its secret."""

    id: int
    name: str
    role: Role
    created_at: Instant
    expires_at: Instant | None
    used_at: Instant | None


class NewTokenAnswer(Payload):
    """A token that was just made; this is the only time that it is shown."""

    id: int
    name: str
    role: Role
    expires_at: Instant | None
    token: str


class TokenList(Payload):
    """All tokens."""

    values: list[TokenAnswer]
    next: str | None


class AuditQuery(Payload):
    """The query of GET /audit."""

    who: Annotated[QueryText | None, Field(description="Of this token's name.")] = None
    what: Annotated[
        QueryText | None, Field(description="Text in what was done or in its address.")
    ] = None
    since: Annotated[QueryInstant | None, Field(description="Done at or after.")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Most values in one answer.")] = 1000
    cursor: Annotated[str | None, Field(description="Where the page before ended.")] = None


class AuditAnswer(Payload):
    """One line of the audit log; *status* is that of the answer."""

    id: int
    at: Instant
    who: str
    source: Annotated[str, Field(description="The address that it came from.")]
    what: Annotated[str, Field(description="Method and route.")]
    target: Annotated[str | None, Field(description="The object that was made or addressed.")]
    status: int
    request_id: Annotated[str, Field(description="X-Request-Id of the answer.")]


class AuditList(Payload):
    """A page of the audit log, the newest first; *next* is where the following page is."""

    values: list[AuditAnswer]
    next: str | None


class PausedAnswer(Payload):
    """Whether all scheduling is paused, by whom, why and until when."""

    paused: bool
    since: Instant | None
    until: Instant | None
    by: str | None
    reason: str | None


class ReloadAnswer(Payload):
    """What is in force after reading the configuration again."""

    tasks: list[str]
    calendars: list[str]
    restart_needed: Annotated[
        list[str], Field(description="Settings that changed but only count after a restart.")
    ]


class PartAnswer(Payload):
    """A part of the program on this machine: web, scheduler or supervisor."""

    name: str
    pid: int
    alive: Annotated[bool, Field(description="Whether it gave a sign of life lately.")]
    started_at: Instant
    heartbeat_at: Instant


class StatusAnswer(Payload):
    """The parts of the program and how they are."""

    version: str
    time: Instant
    database: str
    leader: dict[str, Any] | None
    parts: list[PartAnswer]
    nodes: list[dict[str, Any]]
    scheduling: PausedAnswer
    jobs: Annotated[dict[str, int], Field(description="How many jobs are in which state.")]
    runs: Annotated[dict[str, int], Field(description="How many living runs are in which state.")]
    services: Annotated[
        dict[str, int],
        Field(description="How many continuous jobs are in which state, over all machines."),
    ]
    queue: dict[str, Any]
