"""The parts of a job that say how its runs are treated."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from jobsched.model import CatchUp, OnLost, Overlap
from jobsched.web.payloads.base import Payload
from jobsched.web.payloads.types import (
    Env,
    ExceptionName,
    LoopbackUrl,
    Priority,
    Seconds,
    User,
    Word,
)

_POLICY = (
    "queue", "priority", "max_instances", "overlap", "timeout", "idle_timeout", "grace",
    "on_lost", "history", "env", "run_as", "detach", "singleton",
)  # fmt: skip


class MisfirePayload(Payload):
    """How late a moment may start, and which of several overdue ones run."""

    grace: Annotated[Seconds | None, Field(description="Seconds; null is no limit.")] = None
    catch_up: Annotated[CatchUp, Field(description="Which overdue moments run.")] = CatchUp.LAST


class RetriesPayload(Payload):
    """Automatic retries after a failure."""

    max: Annotated[int, Field(ge=0, le=1000, description="How many retries at most.")] = 0
    backoff: Annotated[Seconds, Field(description="Seconds before the first retry.")] = 10.0
    factor: Annotated[
        float, Field(ge=1, le=100, description="How much longer each further wait is.")
    ] = 2.0
    max_backoff: Annotated[Seconds, Field(description="Longest wait in seconds.")] = 3600.0
    jitter: Annotated[
        float, Field(ge=0, le=1, description="Fraction of the wait that is left to chance.")
    ] = 0.0
    exit_codes: Annotated[
        list[Annotated[int, Field(ge=1, le=255)]] | None,
        Field(max_length=256, description="Only these are retried; null: all but a stop."),
    ] = None
    exceptions: Annotated[
        list[ExceptionName] | None,
        Field(
            max_length=100,
            description="Classes of what a Python task raises, also their bases; or exit_codes.",
        ),
    ] = None


class HealthPayload(Payload):
    """How a continuous job is found to hang: by a command, or by a page of this machine."""

    command: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=4096)]] | None,
        Field(max_length=100, description="It must end with code 0; run as the job is."),
    ] = None
    url: Annotated[
        LoopbackUrl | None, Field(description="A GET must be answered with 2xx or 3xx.")
    ] = None
    interval: Annotated[
        float, Field(ge=1, le=86_400, description="Seconds between two checks.")
    ] = 30.0
    timeout: Annotated[
        float, Field(ge=0.1, le=3600, description="Seconds that one check may take.")
    ] = 5.0
    failures: Annotated[
        int, Field(ge=1, le=100, description="Failed checks in a row after which it starts anew.")
    ] = 3

    @model_validator(mode="after")
    def _has_one_way(self) -> "HealthPayload":
        if bool(self.command) == bool(self.url):
            raise PydanticCustomError("required", "must have exactly one of command and url")
        return self


class PolicyFields(Payload):
    """Fields that requests for jobs have in common with their answers."""

    queue: Annotated[Word | None, Field(description="Queue in which its runs wait.")] = None
    priority: Annotated[Priority | None, Field(description="Higher runs start first.")] = None
    max_instances: Annotated[
        int | None, Field(ge=1, le=1000, description="How many of its runs may be alive.")
    ] = None
    overlap: Annotated[
        Overlap | None, Field(description="What happens to one run more than that.")
    ] = None
    misfire: Annotated[
        MisfirePayload | None, Field(description="What happens to overdue moments.")
    ] = None
    timeout: Annotated[
        Seconds | None, Field(description="Longest life of a run; 0 is none, null the task's.")
    ] = None
    idle_timeout: Annotated[
        Seconds | None, Field(description="Longest silence of a run; 0 is none, null the task's.")
    ] = None
    grace: Annotated[
        Seconds | None, Field(description="Seconds between a run's friendly and forced end.")
    ] = None
    retries: Annotated[RetriesPayload | None, Field(description="Automatic retries.")] = None
    on_lost: Annotated[
        OnLost | None, Field(description="What follows when nobody knows how a run ended.")
    ] = None
    history: Annotated[
        int | None, Field(ge=1, le=1_000_000, description="Finished runs kept; null the server's.")
    ] = None
    env: Annotated[
        Env | None,
        Field(description="Further environment variables; only admins see the values of secrets."),
    ] = None
    run_as: Annotated[User | None, Field(description="User whose rights its runs have.")] = None
    detach: Annotated[
        bool | None, Field(description="Whether processes that a run leaves behind may live on.")
    ] = None

    singleton: Annotated[
        bool | None,
        Field(description="Continuous jobs: whether it runs on one machine at a time."),
    ] = None

    health: Annotated[
        HealthPayload | None,
        Field(description="Continuous jobs: how one that hangs is found; it is started anew."),
    ] = None

    def policy(self) -> dict[str, Any]:
        """Return what was given, null included, by the names of ``model.Policy``.

        ``misfire``, ``retries`` and ``health`` come as dicts of the given keys.
        """
        said: dict[str, Any] = {
            name: getattr(self, name) for name in _POLICY if name in self.model_fields_set
        }
        for name in ("misfire", "retries", "health"):
            if name in self.model_fields_set:
                part = getattr(self, name)
                said[name] = None if part is None else part.model_dump(exclude_unset=True)
        return said
