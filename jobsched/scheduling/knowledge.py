"""What the cycle remembers of jobs: parsed triggers and policies, in bounded memory."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from jobsched.calendars import NO_CALENDARS, Calendars
from jobsched.clock import SECOND
from jobsched.errors import InvalidInput
from jobsched.model import CatchUp, Policy
from jobsched.storage.decisions import Details, Due
from jobsched.storage.firing import Firing
from jobsched.triggers import Trigger, restore

MOST_JOBS = 100_000  # about 50 MB
NO_LIMIT_US = 2**62
NEVER_ORDINARY = -1  # a limit that no moment keeps


class Known(NamedTuple):
    """One job, parsed; good for one version of it.

    *limit_us* is how late its newest moment may be to run, NEVER_ORDINARY when there may be more to
    enter than that moment; *jitter_us* is the longest delay of a start. *fault* says why it cannot
    be scheduled; then there is no trigger.
    """

    version: int
    id: str
    name: str
    trigger: Trigger | None
    policy: Policy
    limit_us: int
    jitter_us: int
    fault: str | None = None


class Knowledge:
    """Known jobs by their number; the longest known go first when there are too many.

    Their triggers may name *calendars*.
    """

    def __init__(
        self, firing: Firing, calendars: Calendars = NO_CALENDARS, most: int = MOST_JOBS
    ) -> None:
        self._firing = firing
        self._calendars = calendars
        self._most = most
        self._known: dict[int, Known] = {}
        self._omitting = False

    def of(self, batch: Sequence[Due]) -> dict[int, Known]:
        """Return what is known of each job in *batch*; those deleted meanwhile are absent."""
        known = self._known
        found = {due.key: known.get(due.key) for due in batch}
        unknown = [
            due.key
            for due in batch
            if (job := found[due.key]) is None or job.version != due.version
        ]
        if not unknown:
            return found  # type: ignore[return-value]  # none of them is None
        learnt = {
            details.key: _known(details, self._calendars)
            for details in self._firing.details(unknown)
        }
        self._omitting |= any(map(_may_omit, learnt.values()))
        known |= learnt
        self._forget()
        found |= learnt
        return {key: job for key, job in found.items() if job is not None}

    def seen(self, known: Iterable[tuple[int, Known]]) -> dict[int, int | None]:
        """Return until when the ledger tells what those *known* jobs omitted that may omit."""
        if not self._omitting:  # nearly always, so that nobody else pays for it
            return {}
        keys = [key for key, job in known if _may_omit(job)]
        return self._firing.seen(keys) if keys else {}

    def _forget(self) -> None:
        known = self._known
        for key in list(known)[: max(0, len(known) - self._most)]:
            del known[key]


def _may_omit(job: Known) -> bool:
    return job.trigger is not None and job.trigger.may_omit


def _known(details: Details, calendars: Calendars) -> Known:
    """Return the parsed job; one that cannot be parsed carries its fault."""
    try:
        policy = details.policy
        trigger = _trigger(details, calendars)
    except (ValueError, TypeError, InvalidInput) as error:
        fault = f"its trigger or policy cannot be read: {error}"
        return Known(details.version, details.id, details.name, None, Policy(), 0, 0, fault)
    jitter_us = round(policy.jitter * SECOND)
    if trigger is not None and trigger.jitter_us:
        jitter_us = trigger.jitter_us
    omits = trigger is not None and trigger.may_omit
    limit_us = NEVER_ORDINARY if omits else limit_of(policy)
    return Known(details.version, details.id, details.name, trigger, policy, limit_us, jitter_us)


def _trigger(details: Details, calendars: Calendars) -> Trigger | None:
    return None if details.trigger_text is None else restore(details.trigger, calendars)


def limit_of(policy: Policy) -> int:
    """Return how late, in microseconds, a moment may be to run."""
    grace = policy.misfire.grace
    limit = NO_LIMIT_US if grace is None else round(grace * SECOND)
    return min(limit, SECOND) if policy.misfire.catch_up is CatchUp.NONE else limit
