"""What became of a claimed run after a crash: read off lock, journal and boot id, never guessed.

| runner's lock | journal | boot id | verdict |
|---|---|---|---|
| any  | end            | any     | finished: the exact code or signal stands in the journal |
| any  | no end         | differs | lost: the machine restarted (the journal's tail may be gone) |
| held | start, no end  | same    | adopt: it is alive |
| held | nothing        | same    | tell: its runner never heard of it |
| free | nothing        | same    | requeue: it never ran |
| free | start, no end  | same    | lost: its runner was killed, it may have run in part |

A run that was told to stop before any runner knew it needs neither: it is stopped.
"""

from dataclasses import dataclass
from enum import StrEnum


class Trace(StrEnum):
    """What a runner knows about one claim of a run."""

    NOTHING = "nothing"
    STARTED = "started"
    ENDED = "ended"


class Verdict(StrEnum):
    """What the supervisor does about a claimed run."""

    ADOPT = "adopt"
    TELL = "tell"
    FINISHED = "finished"
    REQUEUE = "requeue"
    STOPPED = "stopped"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What can be known without guessing: the runner's lock, its trace of the run, the boot."""

    lock_held: bool
    trace: Trace
    same_boot: bool
    stop_asked: bool = False


def verdict(evidence: Evidence) -> Verdict:
    """Return what became of a run, by the table above."""
    if evidence.trace is Trace.ENDED:
        return Verdict.FINISHED
    if not evidence.same_boot:
        return Verdict.LOST
    if evidence.trace is Trace.STARTED:
        return Verdict.ADOPT if evidence.lock_held else Verdict.LOST
    if evidence.stop_asked:
        return Verdict.STOPPED
    return Verdict.TELL if evidence.lock_held else Verdict.REQUEUE


def lost_reason(*, same_boot: bool, swept: str = "session and cookie") -> str:
    """Return the sentence for a lost run; *swept* names the layer that cleaned up after it."""
    if not same_boot:
        return "The machine restarted while the run was under way; it may have run in part."
    return (
        "Its runner was killed while it was under way; it may have run in part, and what was "
        f"left of it was ended (by {swept})."
    )
