"""What clients send, in the words of the core: references and filters."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jobsched import clock
from jobsched.errors import InvalidInput
from jobsched.storage.flows import FlowFilter, FlowRun, FlowType, References
from jobsched.web.celigo.payloads import CeligoChange, CeligoNewJob, CeligoQuery
from jobsched.web.celigo.words import STATUSES, plain
from jobsched.web.payloads.types import to_instant

_MILLISECOND = clock.SECOND // 1000
_GIVEN = {
    "integration": "_integrationId",
    "export": "_exportId",
    "import_": "_importId",
    "flow": "_flowId",
    "flow_job": "_flowJobId",
}
_OWN = {FlowType.FLOW: "flow", FlowType.EXPORT: "export", FlowType.IMPORT: "import_"}
_CANCEL = frozenset({"canceling", "canceled"})
_STALE = frozenset({"queued", "running"})  # what a client may have read before


def draft_of(asked: CeligoNewJob) -> tuple[str, References]:
    """Return what runs (the uuid or name of a job) and the references of the new run.

    Raises: InvalidInput without the id that its type needs.
    """
    references = References(
        type=FlowType(asked.type),
        flow=asked.flow,
        integration=asked.integration,
        export=asked.export,
        import_=asked.import_,
        flow_run=None if asked.flow_job is None else int(asked.flow_job),
    )
    own = _own_id(references)
    return asked.flow or own, references


def changed(found: FlowRun, asked: CeligoChange) -> References:
    """Return the references of *found* with what *asked* gives; null takes one away.

    Raises: InvalidInput without the id that its type needs.
    """
    given: dict[str, Any] = {
        name: getattr(asked, name) for name in _GIVEN if name in asked.model_fields_set
    }
    if "flow_job" in given:
        number = given.pop("flow_job")
        given["flow_run"] = None if number is None else int(number)
    if given.get("flow") == found.run.job_id and found.references.flow is None:
        given.pop("flow", None)  # it was shown, not given
    references = replace(found.references, **given)
    if references.type is not None and references != found.references:
        _own_id(references)
    return references


def wants_cancel(asked: CeligoChange, status: str) -> bool:
    """Return whether *asked* is to cancel a job that has *status*.

    Raises: InvalidInput when it shall get another status.
    """
    wanted = None if asked.status is None else plain(asked.status)
    if wanted is None or wanted == status or wanted in _STALE:
        return False
    if wanted in _CANCEL:
        return True
    message = f"status can only become canceling; the job is {status}."
    raise InvalidInput.field("status", "choice", message)


def require_fixed(asked: CeligoChange, shown: Mapping[str, Any]) -> None:
    """Refuse to change what no job changes. Raises: InvalidInput."""
    fixed = {"id": "_id", "type": "type", "created_at": "createdAt", "retry_of": "_retryOfJobId"}
    for attribute, name in fixed.items():
        given = getattr(asked, attribute)
        if given is not None and given != shown[name]:
            message = f"{name} is read-only and differs from what the job has."
            raise InvalidInput.field(name, "read_only", message)


def filter_of(asked: CeligoQuery) -> tuple[FlowFilter, list[str] | None]:
    """Return the filter of a list, and the jobs of which runs are wanted."""
    until = _us(asked.created_at_lte)
    types = [_words(text) for text in (asked.type, asked.type_in) if text is not None]
    statuses = None if asked.status is None else _words(asked.status)
    filters = FlowFilter(
        courses=None if statuses is None else frozenset(STATUSES[word] for word in statuses),
        types=frozenset.intersection(*types) if types else None,
        integration=asked.integration,
        export=asked.export,
        import_=asked.import_,
        flow_run=None if asked.flow_job is None else int(asked.flow_job),
        retriable=asked.retriable,
        since_us=_us(asked.created_at_gte) or 0,
        # Shown are whole milliseconds: what is shown as this moment is not after it.
        until_us=None if until is None else (until // _MILLISECOND + 1) * _MILLISECOND,
        least=_bounds(asked, "gte"),
        most=_bounds(asked, "lte"),
    )
    return filters, _jobs(asked)


def _own_id(references: References) -> str:
    """Return the id that a run of its type has to have. Raises: InvalidInput."""
    name = _OWN[references.type or FlowType.FLOW]
    own: str | None = getattr(references, name)
    if own is None:
        field = _GIVEN[name]
        message = f"{field} is required by the type {references.type}."
        raise InvalidInput.field(field, "required", message)
    return own


def _jobs(asked: CeligoQuery) -> list[str] | None:
    several = None if asked.flow_in is None else [one.strip() for one in asked.flow_in.split(",")]
    if asked.flow is None:
        return several
    return [asked.flow] if several is None or asked.flow in several else []


def _words(text: str) -> frozenset[str]:
    return frozenset(plain(word.strip()) for word in text.split(","))


def _bounds(asked: CeligoQuery, end: str) -> dict[str, int]:
    found = {name: getattr(asked, f"{name}_{end}") for name in ("success", "error", "ignore")}
    return {name: number for name, number in found.items() if number is not None}


def _us(text: str | None) -> int | None:
    moment = to_instant(text)
    return None if moment is None else clock.to_us(moment)
