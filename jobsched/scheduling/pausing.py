"""Pauses: of one job until a time, and of all scheduling by a row that every cycle reads."""

from collections.abc import Mapping

from jobsched.scheduling.planning import Pause
from jobsched.storage.decisions import Details, Due

_NEVER = 2**62


def pause_of(details: Details, due: Due) -> Pause:
    """Return the pause that ends now for a job as the cycle reads it."""
    return Pause(
        since_us=due.next_us if details.paused_us is None else details.paused_us,
        end_us=due.next_us if details.paused_until_us is None else details.paused_until_us,
        reason=details.state_reason or "paused",
    )


def is_paused(switch: Mapping[str, object] | None, now_us: int) -> bool:
    """Return whether all scheduling rests at *now_us*."""
    if not switch or not switch.get("paused"):
        return False
    return now_us < _time(switch, "until_us", _NEVER)


def pause_so_far(switch: Mapping[str, object] | None, now_us: int) -> Pause | None:
    """Return the latest pause of all scheduling, up to *now_us* if it is not over."""
    if switch is None or not is_paused(switch, now_us):
        return last_pause(switch)
    return last_pause({**switch, "resumed_us": now_us})


def last_pause(switch: Mapping[str, object] | None) -> Pause | None:
    """Return the latest pause of all scheduling, once it is over."""
    if not switch or switch.get("since_us") is None:
        return None
    end = min(_time(switch, "resumed_us", _NEVER), _time(switch, "until_us", _NEVER))
    if end == _NEVER:
        return None
    who, why = switch.get("by"), switch.get("why")
    said = ": ".join(str(part) for part in (who and f"by {who}", why) if part)
    reason = f"all scheduling was paused {said}".rstrip()
    return Pause(since_us=_time(switch, "since_us", end), end_us=end, reason=reason)


def _time(switch: Mapping[str, object], name: str, absent: int) -> int:
    value = switch.get(name)
    return value if isinstance(value, int) else absent
