"""The keys of a trigger as every request spells them, and the preview of its moments.

``TriggerFields`` is the one definition of these keys: requests for jobs (payloads/jobs.py) and
for previews inherit from it. The schemas here are for the reader of /openapi.json; a value may be
anything, for the parser of triggers judges it (jobsched/triggers) and names every mistake at once.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from jobsched.model import Dst, OnExcluded
from jobsched.triggers.preview import MOST, USUAL
from jobsched.web.payloads.base import Payload
from jobsched.web.payloads.types import Instant

Schema = dict[str, Any]


def _whole(least: int, most: int | None = None) -> Schema:
    bounds = {"minimum": least} if most is None else {"minimum": least, "maximum": most}
    return {"type": "integer", **bounds}


def _one_or_more(item: Schema) -> Schema:
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}


def _object(properties: Schema, **more: Any) -> Schema:
    return {"type": "object", "properties": properties, **more}


_TIME: Schema = {"type": "string", "format": "date-time"}
_WEEKDAY: Schema = {"type": "string", "description": "Name of a weekday in English."}
_OCCURRENCE = _object(
    {"day": _WEEKDAY, "occurrence": _whole(-5, 5)},
    required=["day"],
    description="The first (1) to fifth (5) or last (-1) such day of a month; omitted: each.",
)
_SCHEDULE = _object(
    {
        "minutes": _one_or_more(_whole(0, 59)),
        "hours": _one_or_more(_whole(0, 23)),
        "weekDays": {"type": "array", "items": _WEEKDAY, "minItems": 1},
        "monthDays": _one_or_more(_whole(-31, 31)),
        "monthlyOccurrences": {"type": "array", "items": _OCCURRENCE, "minItems": 1},
    }
)
_DIALECT: Schema = {"type": "string", "enum": ["unix", "ncrontab"], "default": "unix"}
_EXPRESSION: Schema = {"type": "string", "minLength": 1, "maxLength": 256}

_INTERVAL = _object(
    {
        unit: {"type": "number", "minimum": 0}
        for unit in ("seconds", "minutes", "hours", "days", "weeks")
    },
    minProperties=1,
    description="Time between two moments, the sum of its parts; more than zero.",
)
_AT = {**_TIME, "description": "The one moment, at most a minute in the past."}
_CRON: Schema = {
    "anyOf": [
        _EXPRESSION,
        _object({"expression": _EXPRESSION, "dialect": _DIALECT}, required=["expression"]),
    ],
    "description": "A cron expression; in Unix dialect when it is only a text.",
}
_RECURRENCE = _object(
    {
        "frequency": {"type": "string", "enum": ["minute", "hour", "day", "week", "month"]},
        "interval": {**_whole(1, 1000), "default": 1},
        "count": _whole(1),
        "endTime": _TIME,
        "schedule": _SCHEDULE,
    },
    required=["frequency"],
    description="A recurrence in the form of Azure Scheduler.",
)
_START_TIME = {**_TIME, "description": "The start of a recurrence; without it, at once."}
_ZONE = {"type": "string", "description": "IANA name of the zone for times without an offset."}
_START = {**_TIME, "description": "No moment before this one; it fixes the grid of an interval."}
_END = {**_TIME, "description": "No moment after this one."}
_COUNT = {**_whole(1), "description": "How many moments at most."}
_JITTER = {
    "type": "number",
    "minimum": 0,
    "description": "Seconds by which a start is delayed at random, at most.",
}
_DST = {
    "type": "string",
    "enum": [*Dst],
    "default": Dst.ONCE.value,
    "description": "What clock changes do to fixed local times that they skip or repeat.",
}
_CALENDARS = {
    "type": "array",
    "items": {"type": "string"},
    "minItems": 1,
    "description": "Names of calendars in calendars.yaml; their days are excluded.",
}
_ON_EXCLUDED = {
    "type": "string",
    "enum": [*OnExcluded],
    "default": OnExcluded.SKIP.value,
    "description": "What becomes of a moment on an excluded day: left out, or moved.",
}
_INNER = _object(
    {
        "interval": _INTERVAL,
        "at": _AT,
        "cron": _CRON,
        "recurrence": _RECURRENCE,
        "startTime": _START_TIME,
        "timezone": _ZONE,
        "dst": _DST,
        "start": _START,
        "end": _END,
        "count": _COUNT,
    }
)
_ANY = {
    "type": "array",
    "items": _INNER,
    "minItems": 1,
    "maxItems": 20,
    "description": "Several triggers: a moment of any of them is a moment.",
}


def _judged_later(schema: Schema) -> WithJsonSchema:
    """Return the schema of a field that may hold anything, null included, until it is parsed."""
    shape = {name: value for name, value in schema.items() if name != "description"}
    return WithJsonSchema(
        {"anyOf": [shape, {"type": "null"}], "description": schema["description"]}
    )


class TriggerFields(Payload):
    """When something happens: exactly one kind of trigger, and what may stand beside it."""

    interval: Annotated[Any, _judged_later(_INTERVAL)] = None
    at: Annotated[Any, _judged_later(_AT)] = None
    cron: Annotated[Any, _judged_later(_CRON)] = None
    recurrence: Annotated[Any, _judged_later(_RECURRENCE)] = None
    startTime: Annotated[Any, _judged_later(_START_TIME)] = None  # noqa: N815 - as Azure spells it
    any: Annotated[Any, _judged_later(_ANY)] = None
    timezone: Annotated[Any, _judged_later(_ZONE)] = None
    start: Annotated[Any, _judged_later(_START)] = None
    end: Annotated[Any, _judged_later(_END)] = None
    count: Annotated[Any, _judged_later(_COUNT)] = None
    jitter: Annotated[Any, _judged_later(_JITTER)] = None
    dst: Annotated[Any, _judged_later(_DST)] = None
    calendars: Annotated[Any, _judged_later(_CALENDARS)] = None
    on_excluded: Annotated[Any, _judged_later(_ON_EXCLUDED)] = None

    def trigger(self) -> dict[str, Any]:
        """Return the keys of its trigger that were given, as they were given, null included."""
        names = TriggerFields.model_fields.keys() & self.model_fields_set
        return {name: getattr(self, name) for name in names}


class PreviewRequest(TriggerFields):
    """The body of POST /triggers/preview: a trigger, from when on, and how many moments."""

    n: Annotated[
        int,
        Field(ge=1, le=MOST, description="How many moments at most."),
        BeforeValidator(lambda n: USUAL if n is None else n),
    ] = USUAL
    from_: Annotated[
        Any,
        Field(alias="from"),
        _judged_later({**_TIME, "description": "What counts as its creation; default: now."}),
    ] = None

    def asked(self) -> dict[str, Any]:
        """Return the trigger as it was given, and ``from``."""
        return {**self.trigger(), "from": self.from_}


class PlannedAnswer(Payload):
    """A moment: in UTC, by the clocks of the trigger's zone, and what changed it if it was."""

    utc: Instant
    local: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    note: str | None


class SkippedAnswer(Payload):
    """A day with planned moments that do not happen, or a month without any."""

    date: Annotated[str, Field(pattern=r"^\d{4}-\d\d(-\d\d)?$", description="2026-03-29, 2026-02.")]
    reason: Literal["gap", "short_month", "calendar"]
    note: str


class WarningAnswer(Payload):
    """What is legal in a trigger, yet may not be what its author means."""

    rule: Literal["day_or_weekday", "day_and_weekday", "more_than_once_a_second"]
    message: str


class PreviewAnswer(Payload):
    """What a trigger would do."""

    next: Annotated[list[PlannedAnswer], Field(description="Fewer than n when it ends before.")]
    skipped: Annotated[
        list[SkippedAnswer], Field(description="Until the last moment shown; 1000 at most.")
    ]
    description: Annotated[str, Field(description="The trigger in plain English.")]
    timezone: Annotated[str, Field(description="The zone of the local times.")]
    trigger: Annotated[dict[str, Any], Field(description="The canonical form of the trigger.")]
    warnings: list[WarningAnswer]
