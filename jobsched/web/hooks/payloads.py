"""What the routes of web hooks and app settings take and answer."""

from typing import Annotated, Any

from pydantic import Field, RootModel

from jobsched.web.payloads.base import Payload


class HookRequest(Payload):
    """The body of POST /api/hooks.

    What an answer has beside it may be sent along, as Kudu's own client does; it says nothing.
    """

    url: Annotated[str, Field(max_length=2200)]
    event: str | None = None
    events: Annotated[list[str] | None, Field(max_length=20)] = None
    insecure_ssl: bool | None = None
    only_failures: bool | None = None
    id: str | None = None
    last_status: str | None = None
    last_reason: str | None = None
    last_datetime: str | None = None
    last_context: str | None = None


class HookAnswer(Payload):
    """One web hook, and how its last delivery went."""

    id: str
    event: str
    url: str
    insecure_ssl: bool
    last_status: str | None
    last_reason: str | None
    last_datetime: str | None
    last_context: str | None
    events: list[str]
    only_failures: bool
    created_at: str | None


class HookList(RootModel[list[HookAnswer]]):
    """All web hooks, oldest first."""


class AttemptAnswer(Payload):
    """One attempt to deliver."""

    at: str
    status: int | None
    reason: str
    seconds: float


class DeliveryAnswer(Payload):
    """One event for one web hook; *state* is delivered, waiting or failed."""

    id: int
    event: str
    job: str | None
    run: int | None
    state: str
    created_at: str
    next_at: str | None
    attempts: list[AttemptAnswer]
    body: str | None


class DeliveryList(Payload):
    """What a web hook was told, newest first."""

    values: list[DeliveryAnswer]
    next: None


class AnyObject(RootModel[dict[str, Any]]):
    """A JSON object of any fields."""


class AppSettingsAnswer(RootModel[dict[str, str]]):
    """The app settings of the site by name."""
