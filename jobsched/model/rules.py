"""What follows from the facts: retries and their delays, overlap, the treatment of services."""

import random
from collections.abc import Sequence
from dataclasses import replace

from jobsched.model.entities import End, Run
from jobsched.model.policy import Policy, Retries
from jobsched.model.words import OnLost, Outcome, Overlap, outcome_of

# Retries of lost runs where ``retries.max`` says nothing: what takes its own runner down with it
# would else do so for ever.
MOST_LOST = 10


def may_retry(policy: Policy, end: End, attempt: int) -> bool:
    """Return whether a run that ended so is retried automatically."""
    outcome = outcome_of(end.ended_by, end.exit_code)
    if outcome is Outcome.LOST:
        return policy.on_lost is OnLost.RETRY and attempt <= (policy.retries.max or MOST_LOST)
    if outcome in {Outcome.SUCCEEDED, Outcome.STOPPED} or attempt > policy.retries.max:
        return False
    return _is_named(policy.retries, end)


def _is_named(retries: Retries, end: End) -> bool:
    """Return whether *retries* want an end of this kind, by its exit code or its exception."""
    codes, names = retries.exit_codes, retries.exceptions
    if codes is None and names is None:
        return True
    by_code = codes is not None and end.exit_code is not None and end.exit_code in codes
    return by_code or any(_fits(name, end.exceptions) for name in names or ())


def _fits(name: str, classes: Sequence[str]) -> bool:
    """Return whether *name* is one of *classes*, which stand there with their modules."""
    if "." in name:
        return name in classes
    return any(each.rpartition(".")[2] == name for each in classes)


def retry_delay(retries: Retries, attempt: int) -> float:
    """Return the seconds to wait before the retry that follows attempt number *attempt*."""
    delay = retries.backoff
    for _ in range(min(attempt - 1, 64)):
        delay = min(delay * retries.factor, retries.max_backoff)
    delay = min(delay, retries.max_backoff)
    return delay * (1 - retries.jitter * random.random())  # noqa: S311 - spreads load, no secret


def is_open(run: Run) -> bool:
    """Return whether a retry is due for *run*: it failed, or records in it did.

    What was stopped is nobody's failure; it is retried only by who asks for that run itself.
    """
    return run.retriable and run.outcome is not Outcome.STOPPED


def service_policy(policy: Policy) -> Policy:
    """Return how one run of a continuous job with *policy* is treated.

    It has no limit of time but one that the job itself names, it is no matter of retries (it is
    started again in any case), and what only concerns the job is left out.
    """
    return replace(
        policy,
        timeout=policy.timeout or 0.0,
        idle_timeout=policy.idle_timeout or 0.0,
        retries=Retries(),
        on_lost=OnLost.FAIL,
        history=None,
        singleton=False,
    )


def overlap_allows(policy: Policy, alive: int) -> bool:
    """Return whether one more run may be made while *alive* runs of the job are not done."""
    return alive < policy.max_instances or policy.overlap is not Overlap.SKIP


def claimable_runs(max_instances: int, on_machine: int, waiting: Sequence[int]) -> Sequence[int]:
    """Return those of the *waiting* run ids that may start beside *on_machine* living ones."""
    return waiting[: max(0, max_instances - on_machine)]
