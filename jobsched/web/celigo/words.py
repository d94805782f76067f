"""Celigo's words for how far a run has got; they are never stored (spec/seeds.md, 3.1)."""

from collections.abc import Mapping

from jobsched.model import Run
from jobsched.storage.flowfilters import Course, course_of
from jobsched.storage.flows import FlowRun, FlowType

CANCELING = "canceling"
STATUSES: Mapping[str, Course] = {
    "queued": Course.WAITING,
    "running": Course.RUNNING,
    CANCELING: Course.STOPPING,
    "completed": Course.COMPLETED,
    "failed": Course.FAILED,
    "canceled": Course.CANCELLED,
}
# The seed's prose spells them so, its schema as above.
SPELLINGS: Mapping[str, str] = {"cancelling": CANCELING, "cancelled": "canceled"}
RETRY = "retry"
TYPES = (*(kind.value for kind in FlowType), RETRY)
_WORDS: Mapping[Course, str] = {course: word for word, course in STATUSES.items()}


def status_of(run: Run) -> str:
    """Return the status of a run."""
    return _WORDS[course_of(run)]


def type_of(found: FlowRun) -> str:
    """Return the type of a run; one that other interfaces asked for is a flow's."""
    if found.run.retry_of is not None:
        return RETRY
    return (found.references.type or FlowType.FLOW).value


def plain(word: str) -> str:
    """Return a status in the schema's spelling."""
    return SPELLINGS.get(word, word)
