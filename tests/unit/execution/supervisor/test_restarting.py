"""When a service starts again, and what is done about one in whatever state."""

from itertools import pairwise

import pytest

from jobsched.clock import SECOND
from jobsched.execution.supervisor.restarting import (
    MOVES,
    Happening,
    Move,
    after_exit,
    leave_of,
)
from jobsched.model import End, EndedBy, ServiceState
from jobsched.storage.services import Service
from jobsched.storage.settling import Settlement

NOW = 1_700_000_000 * SECOND


def ended(up: float, by: EndedBy = EndedBy.EXIT) -> Settlement:
    end = End(
        run_id=7,
        claim=1,
        ended_by=by,
        started_us=NOW - round(up * SECOND),
        ended_us=NOW,
    )
    return Settlement(end=end)


def service(state: ServiceState = ServiceState.RUNNING, exits: int = 0) -> Service:
    return Service(
        job_key=1, node="here", state=state, run_id=7, since_us=NOW - SECOND, exits=exits
    )


def test_every_state_says_what_it_does_about_what_may_happen_to_it() -> None:
    never = {
        # A service without a run has nothing that could start, end or come back.
        (state, happening)
        for state in (ServiceState.STOPPED, ServiceState.INACTIVE)
        for happening in (Happening.STARTED, Happening.ENDED, Happening.RETURNED)
    }

    every = {(state, happening) for state in ServiceState for happening in Happening}

    assert every - MOVES.keys() == never


def test_only_what_rests_or_waits_is_started() -> None:
    starts = {state for (state, _), move in MOVES.items() if move is Move.START}

    assert starts == {ServiceState.STOPPED, ServiceState.WAITING, ServiceState.INACTIVE}


@pytest.mark.parametrize(
    ("up", "exits", "expected"),
    [
        (60.0, 0, (60.0, 0)),
        (10.0, 5, (60.0, 0)),
        (9.9, 0, (60.0, 1)),
        (0.0, 4, (60.0, 5)),
        (0.0, 5, (120.0, 6)),
        (0.0, 6, (240.0, 7)),
        (0.0, 7, (300.0, 8)),
        (0.0, 400, (300.0, 401)),
        (119.9, 3, (60.0, 0)),
        (120.0, 7, (0.0, 0)),
    ],
)
def test_W12_the_wait_follows_the_life_and_the_exits_before(
    up: float, exits: int, expected: tuple[float, int]
) -> None:
    assert after_exit(60.0, up, exits) == expected


def test_without_a_restart_time_the_wait_still_grows_for_a_flapper() -> None:
    waits, exits = [], 0
    for _ in range(16):
        wait, exits = after_exit(0.0, 0.1, exits)
        waits.append(wait)

    assert waits[:9] == [0, 0, 0, 0, 0, 2, 4, 8, 16]
    assert all(later >= earlier for earlier, later in pairwise(waits))
    assert waits[-1] == 300


def test_a_longer_restart_time_than_the_longest_wait_is_kept() -> None:
    assert after_exit(900.0, 1.0, 9) == (900.0, 10)


@pytest.mark.parametrize("by", [EndedBy.EXIT, EndedBy.STOP, EndedBy.KILL, EndedBy.LOST])
def test_W13_whatever_ended_it_it_waits_and_starts_again(by: EndedBy) -> None:
    leave = leave_of(service(), ended(30.0, by), 60.0, NOW, starting=True)

    assert (leave.state, leave.exits) == (ServiceState.WAITING, 0)
    assert leave.next_try_us == NOW + 60 * SECOND


def test_one_that_was_asked_to_stop_rests() -> None:
    leave = leave_of(service(ServiceState.STOPPING), ended(30.0), 60.0, NOW, starting=True)

    assert (leave.state, leave.next_try_us) == (ServiceState.STOPPED, None)


def test_one_that_is_replaced_rests_until_it_is_looked_at() -> None:
    leave = leave_of(service(), ended(30.0, EndedBy.REPLACED), 60.0, NOW, starting=True)

    assert leave.state is ServiceState.STOPPED


def test_nothing_waits_when_the_server_stops() -> None:
    leave = leave_of(service(exits=9), ended(0.1), 60.0, NOW, starting=False)

    assert (leave.state, leave.exits) == (ServiceState.STOPPED, 0)


def test_one_whose_start_nobody_has_seen_has_not_been_up() -> None:
    lost = Settlement(end=End(run_id=7, claim=1, ended_by=EndedBy.LOST, ended_us=NOW))

    quick = leave_of(service(ServiceState.STARTING), lost, 60.0, NOW, starting=True)
    known = leave_of(service(ServiceState.RUNNING), lost, 60.0, NOW, starting=True)

    assert (quick.exits, known.exits) == (1, 1)


@pytest.mark.parametrize(("before", "loop"), [(0, False), (4, False), (5, True), (6, False)])
def test_the_sixth_quick_exit_in_a_row_begins_a_loop(before: int, loop: bool) -> None:
    leave = leave_of(service(exits=before), ended(0.1), 60.0, NOW, starting=True)

    assert leave.loop is loop
