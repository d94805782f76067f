"""States and rules: every pair of states, every kind of end, every reason to try again."""

import itertools
from collections.abc import Mapping
from dataclasses import replace

import pytest

from jobsched.model import (
    ALIVE,
    ON_A_MACHINE,
    TRANSITIONS,
    End,
    EndedBy,
    OnLost,
    Outcome,
    Overlap,
    Policy,
    Retries,
    Role,
    RunState,
    claimable_runs,
    may_retry,
    outcome_of,
    overlap_allows,
    retry_delay,
)

# Row: from; columns: to queued, starting, running, stopping, done.
TABLE: Mapping[RunState, str] = {
    RunState.QUEUED: "-x--x",
    RunState.STARTING: "x-xxx",
    RunState.RUNNING: "---xx",
    RunState.STOPPING: "----x",
    RunState.DONE: "-----",
}


@pytest.mark.parametrize(("before", "after"), [*itertools.product(RunState, RunState)])
def test_each_pair_of_states_is_allowed_or_not(before: RunState, after: RunState) -> None:
    allowed = TABLE[before][list(RunState).index(after)] == "x"

    assert (after in TRANSITIONS[before]) is allowed


def test_every_state_is_alive_but_done() -> None:
    assert {*ALIVE, RunState.DONE} == set(RunState)
    assert set(ON_A_MACHINE) == set(ALIVE) - {RunState.QUEUED}


def test_every_state_leads_to_done() -> None:
    assert all(RunState.DONE in TRANSITIONS[state] for state in ALIVE)


@pytest.mark.parametrize(
    ("ended_by", "exit_code", "outcome"),
    [
        (EndedBy.EXIT, 0, Outcome.SUCCEEDED),
        (EndedBy.EXIT, 3, Outcome.FAILED),
        (EndedBy.EXIT, None, Outcome.FAILED),
        (EndedBy.STOP, 0, Outcome.STOPPED),
        (EndedBy.KILL, None, Outcome.STOPPED),
        (EndedBy.DISCONNECT, None, Outcome.STOPPED),
        (EndedBy.SHUTDOWN, None, Outcome.STOPPED),
        (EndedBy.REPLACED, None, Outcome.STOPPED),
        (EndedBy.TIMEOUT, None, Outcome.TIMED_OUT),
        (EndedBy.IDLE, None, Outcome.IDLE),
        (EndedBy.LOST, None, Outcome.LOST),
        (EndedBy.EXPIRED, None, Outcome.NOT_STARTED),
        (EndedBy.NOT_STARTED, None, Outcome.NOT_STARTED),
    ],
)
def test_the_facts_of_an_end_give_one_word(
    ended_by: EndedBy, exit_code: int | None, outcome: Outcome
) -> None:
    assert outcome_of(ended_by, exit_code) is outcome


@pytest.mark.parametrize("ended_by", list(EndedBy))
def test_every_kind_of_end_has_a_word(ended_by: EndedBy) -> None:
    assert outcome_of(ended_by, None) in Outcome


def end(ended_by: EndedBy = EndedBy.EXIT, exit_code: int | None = 1) -> End:
    return End(run_id=1, claim=1, ended_by=ended_by, exit_code=exit_code)


@pytest.mark.parametrize(
    ("ended_by", "exit_code", "again"),
    [
        (EndedBy.EXIT, 0, False),
        (EndedBy.EXIT, 1, True),
        (EndedBy.EXIT, None, True),
        (EndedBy.TIMEOUT, None, True),
        (EndedBy.IDLE, None, True),
        (EndedBy.NOT_STARTED, None, True),
        (EndedBy.EXPIRED, None, True),
        (EndedBy.LOST, None, False),
        (EndedBy.STOP, None, False),
        (EndedBy.KILL, None, False),
        (EndedBy.DISCONNECT, None, False),
        (EndedBy.SHUTDOWN, None, False),
        (EndedBy.REPLACED, None, False),
    ],
)
def test_failures_are_retried_and_wishes_are_not(
    ended_by: EndedBy, exit_code: int | None, again: bool
) -> None:
    policy = Policy(retries=Retries(max=1))

    assert may_retry(policy, end(ended_by, exit_code), attempt=1) is again


@pytest.mark.parametrize(
    ("maximum", "attempt", "again"), [(0, 1, False), (2, 2, True), (2, 3, False)]
)
def test_there_are_so_many_retries_and_no_more(maximum: int, attempt: int, again: bool) -> None:
    policy = Policy(retries=Retries(max=maximum))

    assert may_retry(policy, end(), attempt) is again


@pytest.mark.parametrize(
    ("ended_by", "exit_code", "again"),
    [
        (EndedBy.EXIT, 75, True),
        (EndedBy.EXIT, 1, False),
        (EndedBy.TIMEOUT, None, False),
    ],
)
def test_retries_may_be_limited_to_exit_codes(
    ended_by: EndedBy, exit_code: int | None, again: bool
) -> None:
    policy = Policy(retries=Retries(max=1, exit_codes=(75,)))

    assert may_retry(policy, end(ended_by, exit_code), attempt=1) is again


RAISED = ("shop.Refused", "builtins.ConnectionError", "builtins.OSError", "builtins.Exception")


@pytest.mark.parametrize(
    ("names", "again"),
    [
        (("Refused",), True),
        (("shop.Refused",), True),
        (("other.Refused",), False),
        (("ValueError", "OSError"), True),
        (("builtins.OSError",), True),
        (("Error",), False),
        ((), False),
        (None, True),
    ],
)
def test_retries_may_be_limited_to_exceptions_and_what_derives_from_them(
    names: tuple[str, ...] | None, again: bool
) -> None:
    policy = Policy(retries=Retries(max=1, exceptions=names))

    assert may_retry(policy, replace(end(), exceptions=RAISED), attempt=1) is again


@pytest.mark.parametrize(
    ("ended", "again"),
    [
        (end(EndedBy.EXIT, 75), True),
        (replace(end(), exceptions=RAISED), True),
        (replace(end(), exceptions=("builtins.ValueError",)), False),
        (end(EndedBy.TIMEOUT, None), False),
    ],
)
def test_of_exit_codes_and_exceptions_either_will_do(ended: End, again: bool) -> None:
    policy = Policy(retries=Retries(max=1, exit_codes=(75,), exceptions=("OSError",)))

    assert may_retry(policy, ended, attempt=1) is again


@pytest.mark.parametrize(
    ("maximum", "attempt", "again"), [(0, 10, True), (0, 11, False), (2, 2, True), (2, 3, False)]
)
def test_a_lost_run_is_not_retried_for_ever(maximum: int, attempt: int, again: bool) -> None:
    policy = Policy(on_lost=OnLost.RETRY, retries=Retries(max=maximum))

    assert may_retry(policy, end(EndedBy.LOST, None), attempt) is again


def test_a_lost_run_is_retried_only_where_the_job_says_so() -> None:
    policy = Policy(on_lost=OnLost.RETRY)

    assert may_retry(policy, end(EndedBy.LOST, None), attempt=1)
    assert not may_retry(replace(policy, on_lost=OnLost.FAIL), end(EndedBy.LOST, None), attempt=1)


def test_each_delay_is_longer_up_to_the_longest() -> None:
    retries = Retries(backoff=10, factor=2, max_backoff=35)

    assert [retry_delay(retries, attempt) for attempt in (1, 2, 3, 4)] == [10, 20, 35, 35]


def test_a_first_delay_is_no_longer_than_the_longest() -> None:
    assert retry_delay(Retries(backoff=100, max_backoff=5), 1) == 5


def test_the_delay_of_the_thousandth_retry_is_still_a_number() -> None:
    assert retry_delay(Retries(backoff=1, factor=100, max_backoff=1e9), 1000) == 1e9


def test_jitter_takes_away_a_random_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0.5)

    assert retry_delay(Retries(backoff=10, jitter=0.2), 1) == pytest.approx(9.0)


@pytest.mark.parametrize(
    ("overlap", "alive", "allowed"),
    [
        (Overlap.SKIP, 0, True),
        (Overlap.SKIP, 1, True),
        (Overlap.SKIP, 2, False),
        (Overlap.QUEUE, 2, True),
        (Overlap.REPLACE, 2, True),
    ],
)
def test_only_skip_refuses_one_run_more(overlap: Overlap, alive: int, allowed: bool) -> None:
    assert overlap_allows(Policy(max_instances=2, overlap=overlap), alive) is allowed


@pytest.mark.parametrize(("on_machine", "claimable"), [(0, [1, 2]), (1, [1]), (2, []), (3, [])])
def test_waiting_runs_start_in_order_as_places_become_free(
    on_machine: int, claimable: list[int]
) -> None:
    assert claimable_runs(2, on_machine, [1, 2, 3]) == claimable


@pytest.mark.parametrize(("role", "needed"), [*itertools.product(Role, Role)])
def test_each_role_may_do_what_lesser_ones_may(role: Role, needed: Role) -> None:
    order = [Role.VIEWER, Role.OPERATOR, Role.ADMIN]

    assert role.allows(needed) is (order.index(role) >= order.index(needed))
