"""From what runners say to what the database is told: ends, refusals, verdicts as settlements."""

from typing import Any

from jobsched.execution import protocol
from jobsched.execution.protocol import Key, Message
from jobsched.execution.runner.heard import LONGEST_REASON, plain
from jobsched.model import Counts, End, EndedBy
from jobsched.storage.claims import Settlement

_FACTS = (
    "exit_code", "signal", "started_us", "ended_us", "cpu_us", "peak_bytes",
)  # fmt: skip


def ended(key: Key, facts: Message) -> Settlement:
    """Return the settlement of an ``ended`` message, or of the ``end`` in a journal."""
    end = _end(key, EndedBy(facts["ended_by"]), facts)
    out, err = protocol.unpack(facts.get("out")), protocol.unpack(facts.get("err"))
    return Settlement(end=end, out=out, err=err, chunks=facts.get("chunks"))


def ended_before_death(key: Key, facts: Message, *, kept: bool) -> Settlement:
    """Return the settlement of an end that only the journal of a dead runner still tells.

    *kept* says whether the output stands in files; what was in the runner's memory is gone.
    """
    settlement = ended(key, facts)
    end = settlement.end
    if kept or not end.out_bytes + end.err_bytes:
        return settlement
    gone = "Its output is gone with the runner that held it."
    reason = f"{end.reason} {gone}" if end.reason else gone
    return Settlement(end=_end(key, end.ended_by, {**facts, "reason": reason}))


def not_started(key: Key, reason: str, now_us: int) -> Settlement:
    """Return the settlement of a run that could not be started, by anyone."""
    return _without_process(key, EndedBy.NOT_STARTED, reason, now_us)


def lost(key: Key, reason: str, now_us: int) -> Settlement:
    """Return the settlement of a run whose end nobody has seen."""
    return _without_process(key, EndedBy.LOST, reason, now_us)


def stopped_unstarted(key: Key, stop_by: EndedBy, reason: str | None, now_us: int) -> Settlement:
    """Return the settlement of a run that was told to stop before any runner knew it."""
    return _without_process(key, stop_by, reason or "It was stopped before it started.", now_us)


def _without_process(key: Key, ended_by: EndedBy, reason: str, now_us: int) -> Settlement:
    run_id, claim = key
    end = End(run_id=run_id, claim=claim, ended_by=ended_by, reason=reason, ended_us=now_us)
    return Settlement(end=end)


def _end(key: Key, ended_by: EndedBy, facts: Message) -> End:
    run_id, claim = key
    given: dict[str, Any] = {name: facts[name] for name in _FACTS if facts.get(name) is not None}
    return End(
        run_id=run_id,
        claim=claim,
        ended_by=ended_by,
        out_bytes=facts.get("out_bytes") or 0,
        err_bytes=facts.get("err_bytes") or 0,
        counts=Counts(**(facts.get("counts") or {})),
        reason=plain(facts.get("reason"), LONGEST_REASON),
        exceptions=tuple(map(str, facts.get("exceptions") or ())),
        **given,
    )
