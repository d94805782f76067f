"""When a service that has ended is started again, and what to do about one in whatever state.

After an exit, whatever its status, it waits for the restart time (W11 to W13); not at all when
it had been up for two minutes. From the sixth exit in a row within ten seconds of its start the
wait doubles each time, to five minutes at most.
"""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from jobsched.clock import SECOND
from jobsched.model import End, EndedBy, ServiceState
from jobsched.storage.claims import Settlement
from jobsched.storage.services import Leave, Service

LONG_LIFE = 120.0  # seconds up after which there is no wait
QUICK = 10.0  # seconds; who ends sooner may be broken
FREE = 5  # quick exits in a row without a longer wait
LONGEST = 300.0
_SHORTEST = 1.0  # what doubles when the restart time is 0


class Happening(StrEnum):
    """What may happen to a service."""

    WANTED = "wanted"  # it shall run, and does not, waits long enough, or has been changed
    UNWANTED = "unwanted"  # it shall not run
    STARTED = "started"  # its run has a process
    ENDED = "ended"  # its run has ended
    RETURNED = "returned"  # for our own want, no runner could start its run
    REFUSED = "refused"  # it is a singleton, and another machine has the right to it


class Move(StrEnum):
    """What is done about it."""

    START = "start"
    COMPARE = "compare"  # start anew if the job has been changed in what its run is made of
    NOTE = "note"  # only remember which version of the job has been seen
    STOP = "stop"
    REST = "rest"  # it has no run and gets none
    FORGET = "forget"
    RUN = "run"
    AGAIN = "again"  # by the rule above
    HOLD = "hold"  # the same run is tried again in a while
    YIELD = "yield"  # be inactive


_S, _H, _M = ServiceState, Happening, Move
MOVES: Mapping[tuple[ServiceState, Happening], Move] = {
    (_S.STOPPED, _H.WANTED): _M.START,
    (_S.STOPPED, _H.UNWANTED): _M.FORGET,
    (_S.STOPPED, _H.REFUSED): _M.YIELD,
    (_S.INACTIVE, _H.WANTED): _M.START,
    (_S.INACTIVE, _H.UNWANTED): _M.REST,
    (_S.INACTIVE, _H.REFUSED): _M.YIELD,
    (_S.WAITING, _H.WANTED): _M.START,
    (_S.WAITING, _H.UNWANTED): _M.REST,
    (_S.WAITING, _H.STARTED): _M.RUN,
    (_S.WAITING, _H.ENDED): _M.AGAIN,
    (_S.WAITING, _H.RETURNED): _M.HOLD,
    (_S.WAITING, _H.REFUSED): _M.YIELD,
    (_S.STARTING, _H.WANTED): _M.COMPARE,
    (_S.STARTING, _H.UNWANTED): _M.STOP,
    (_S.STARTING, _H.STARTED): _M.RUN,
    (_S.STARTING, _H.ENDED): _M.AGAIN,
    (_S.STARTING, _H.RETURNED): _M.HOLD,
    (_S.STARTING, _H.REFUSED): _M.STOP,
    (_S.RUNNING, _H.WANTED): _M.COMPARE,
    (_S.RUNNING, _H.UNWANTED): _M.STOP,
    (_S.RUNNING, _H.STARTED): _M.RUN,
    (_S.RUNNING, _H.ENDED): _M.AGAIN,
    (_S.RUNNING, _H.RETURNED): _M.HOLD,
    (_S.RUNNING, _H.REFUSED): _M.STOP,
    (_S.STOPPING, _H.WANTED): _M.NOTE,
    (_S.STOPPING, _H.UNWANTED): _M.NOTE,
    (_S.STOPPING, _H.STARTED): _M.NOTE,
    (_S.STOPPING, _H.ENDED): _M.REST,
    (_S.STOPPING, _H.RETURNED): _M.NOTE,
    (_S.STOPPING, _H.REFUSED): _M.NOTE,
}


def after_exit(restart_time: float, up: float, exits: int) -> tuple[float, int]:
    """Return the seconds until the next start, and how many quick exits in a row there are now.

    *up* is for how many seconds it had run, *exits* how many quick ones there were before.
    """
    if up >= LONG_LIFE:
        return 0.0, 0
    exits = exits + 1 if up < QUICK else 0
    if exits <= FREE:
        return restart_time, exits
    doubled = max(restart_time, _SHORTEST) * 2.0 ** min(exits - FREE, 16)
    return min(doubled, max(restart_time, LONGEST)), exits


def leave_of(
    row: Service, settlement: Settlement, restart_time: float, now_us: int, *, starting: bool
) -> Leave:
    """Return where the end of its run leaves the service *row*.

    *starting* is False while the server stops: then it rests, and the next start begins it anew.
    """
    end = settlement.end
    leave = Leave(job_key=row.job_key, node=row.node, run_id=end.run_id, state=ServiceState.STOPPED)
    asked = MOVES[row.state, Happening.ENDED] is Move.REST or end.ended_by is EndedBy.REPLACED
    if asked or not starting:
        return leave
    wait, exits = after_exit(restart_time, _up(end, row), row.exits)
    due_us = (end.ended_us or now_us) + round(wait * SECOND)
    loop = exits == FREE + 1  # told once, when it begins
    return replace(leave, state=ServiceState.WAITING, next_try_us=due_us, exits=exits, loop=loop)


def _up(end: End, row: Service) -> float:
    """Return for how many seconds the run of *row* had been up when it ended."""
    known = row.since_us if row.state is ServiceState.RUNNING else None
    started_us = end.started_us or known
    return 0.0 if started_us is None else max(0, end.ended_us - started_us) / SECOND
