"""Telling what a committed batch did: the events that logs, metrics and clients hear."""

import logging
from collections.abc import Iterator

from jobsched.clock import from_us
from jobsched.events import Event, publish
from jobsched.model import JobState, OccurrenceOutcome
from jobsched.scheduling.knowledge import Known
from jobsched.storage.decisions import Change, Decision, Fired

_LEVELS = {
    OccurrenceOutcome.MISSED: logging.WARNING,
    OccurrenceOutcome.SKIPPED: logging.WARNING,
    OccurrenceOutcome.COALESCED: logging.INFO,
}
_STATES = {
    JobState.BLOCKED: ("job blocked", logging.ERROR),
    JobState.FINISHED: ("job finished", logging.INFO),
    JobState.ACTIVE: ("job resumed", logging.INFO),
}


def tell(decision: Decision, fired: Fired, known: dict[int, Known]) -> None:
    """Publish what became of the batch; jobs that were changed meanwhile are left out."""
    if fired.runs:
        publish(Event(name="jobs fired", level=logging.DEBUG, fields={"runs": fired.runs}))
    for event in _events(decision, fired, known):
        publish(event)


def _events(decision: Decision, fired: Fired, known: dict[int, Known]) -> Iterator[Event]:
    for key, _, due_us, _, outcome, _, reason, *_ in decision.passed:
        if key not in fired.lost:
            yield _moment(known[key], OccurrenceOutcome(outcome), due_us, 1, reason)
    for change in decision.changes:
        if change.due.key not in fired.lost:
            yield from _of_change(change, known[change.due.key])


def _of_change(change: Change, job: Known) -> Iterator[Event]:
    for entry in change.entries:
        if not entry.omitted:  # that was no moment: nobody waited for it
            yield _moment(job, entry.outcome, entry.due_us, entry.count, entry.reason)
    if change.state.value != change.due.state:
        name, level = _STATES[change.state]
        yield Event(name=name, level=level, fields=_whose(job) | {"reason": change.state_reason})


def _moment(
    job: Known, outcome: OccurrenceOutcome, due_us: int, count: int, reason: str | None
) -> Event:
    fields: dict[str, object] = {"due": from_us(due_us), "reason": reason}
    if count > 1:
        fields["count"] = count
    return Event(name=f"run {outcome.value}", level=_LEVELS[outcome], fields=_whose(job) | fields)


def _whose(job: Known) -> dict[str, object]:
    return {"job": job.id, "name": job.name}
