"""What the cycle remembers of jobs: parsed triggers and policies, in bounded memory."""

from collections.abc import Sequence
from typing import NamedTuple

from jobsched.clock import SECOND
from jobsched.errors import InvalidInput
from jobsched.model import CatchUp, Policy
from jobsched.storage.decisions import Details, Due
from jobsched.storage.firing import Firing
from jobsched.triggers import Trigger, restore

MOST_JOBS = 100_000  # about 50 MB
NO_LIMIT_US = 2**62


class Known(NamedTuple):
    """One job, parsed; good for one version of it.

    *limit_us* is how late its newest moment may be to run, *jitter_us* the longest delay of a
    start. *fault* says why it cannot be scheduled; then there is no trigger.
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
    """Known jobs by their number; the longest known go first when there are too many."""

    def __init__(self, firing: Firing, most: int = MOST_JOBS) -> None:
        self._firing = firing
        self._most = most
        self._known: dict[int, Known] = {}

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
        learnt = {details.key: _known(details) for details in self._firing.details(unknown)}
        known |= learnt
        self._forget()
        found |= learnt
        return {key: job for key, job in found.items() if job is not None}

    def _forget(self) -> None:
        known = self._known
        for key in list(known)[: max(0, len(known) - self._most)]:
            del known[key]


def _known(details: Details) -> Known:
    """Return the parsed job; one that cannot be parsed carries its fault."""
    try:
        policy = details.policy
        trigger = restore(details.trigger) if details.trigger_text is not None else None
    except (ValueError, TypeError, InvalidInput) as error:
        fault = f"its trigger or policy cannot be read: {error}"
        return Known(details.version, details.id, details.name, None, Policy(), 0, 0, fault)
    jitter_us = round(policy.jitter * SECOND)
    if trigger is not None and trigger.jitter_us:
        jitter_us = trigger.jitter_us
    return Known(
        details.version, details.id, details.name, trigger, policy, _limit_us(policy), jitter_us
    )


def _limit_us(policy: Policy) -> int:
    grace = policy.misfire.grace
    limit = NO_LIMIT_US if grace is None else round(grace * SECOND)
    return min(limit, SECOND) if policy.misfire.catch_up is CatchUp.NONE else limit
