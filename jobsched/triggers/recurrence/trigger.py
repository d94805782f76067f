"""The trigger of a recurrence: its start, its end, and what becomes of a start in the past."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, NamedTuple, Self

from jobsched.clock import SECOND, to_us
from jobsched.triggers.base import Trigger
from jobsched.triggers.fields import LAST_US, Common, Fields, iso
from jobsched.triggers.recurrence.elapsed import HOUR, MINUTE
from jobsched.triggers.recurrence.pattern import Frequency, Pattern
from jobsched.triggers.recurrence.reading import read_pattern
from jobsched.triggers.recurrence.rules import dated_moments, elapsed_moments
from jobsched.triggers.recurrence.words import tell
from jobsched.triggers.series import AtOnce, Series
from jobsched.triggers.timeline import timeline

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - local times are counted from it
# This form's spelling of what other triggers call start, end and count; kept in that place.
_SPELLING = (("start", "startTime"), ("end", "recurrence.endTime"), ("count", "recurrence.count"))


class _Start(NamedTuple):
    us: int | None
    gap: int | None  # the local time that was given, if the zone leaps over it


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurrenceTrigger(Trigger):
    """Every so many minutes, hours, days, weeks or months, in the model of Azure Scheduler.

    Without a start there is a moment at once, at creation (*since_us*), and the rule is counted
    from there. A start in the past is where weeks and months are counted from; with a count, that
    counts from creation. Starts have whole seconds. *gap_start* is the start as the clocks of the
    zone would have shown it, in seconds since 1970, when they leap over it; else None.
    """

    kind: ClassVar[str] = "recurrence"
    end_field: ClassVar[str] = "recurrence.endTime"

    pattern: Pattern
    gap_start: int | None = None

    @classmethod
    def read(cls, fields: Fields, timezone: str, created_us: int | None) -> Self | None:
        """Return the trigger that ``recurrence`` and ``startTime`` spell."""
        said = fields.data["recurrence"]
        if not isinstance(said, dict):
            message = 'recurrence must be an object such as {"frequency": "day"}.'
            fields.refuse("recurrence", "type", message)
            said = {"frequency": Frequency.DAY.value}
        inner = fields.within(said, "recurrence")
        pattern, common = read_pattern(inner), fields.common(timezone)
        _refuse_repetition(fields, inner)
        start, bounds = _read_start(fields, timezone), _bounds(inner, common)
        _check_end(fields, bounds["end_us"], start.us, created_us)
        counts_from_creation = start.us is None or bounds["count"] is not None
        since = fields.since(created_us) if counts_from_creation else None
        if since is None and start.us is None:
            fields.refuse("since", "required", "A stored recurrence needs its start or creation.")
        if pattern is None or fields.errors:
            return None
        if start.us is not None and since is not None and since < start.us:
            since = None
        gap = None if pattern.frequency.elapsed else start.gap
        found = cls(**bounds, since_us=since, start_us=start.us, gap_start=gap, pattern=pattern)
        return found if created_us is None else _with_a_rule(fields, found)

    @property
    def floor_us(self) -> int:
        """The instant that every moment is later than; creation itself may be one."""
        since = -LAST_US if self.since_us is None else self.since_us
        return since - 1 if self.start_us is None else max(since, self.start_us - 1)

    @property
    def interval(self) -> timedelta | None:
        """The distance of plain minutes and hours, None for all that follows the clock."""
        if self.pattern.schedule or not self.pattern.frequency.elapsed:
            return None
        unit = HOUR if self.pattern.frequency is Frequency.HOUR else MINUTE
        return timedelta(seconds=self.pattern.step * unit)

    def first(self, created_us: int) -> int | None:
        """Return the first moment, which is creation itself when no start is given."""
        return self.next_after(created_us - 1 if self.start_us is None else created_us)

    def rule(self) -> Series:
        """Return the moments; the start is one of them unless a schedule says otherwise."""
        begin_us, zone = self.begin_us, timeline(self.timezone)
        moments = (
            elapsed_moments(self.pattern, zone, begin_us)
            if self.pattern.frequency.elapsed
            else dated_moments(self.pattern, zone, self.local_start, self.dst)
        )
        at_once = self.start_us is None or (not self.pattern.schedule and self.gap_start is None)
        # A start may be the second pass of a time that comes twice, which the rule would leave out.
        if at_once and moments.next_after(begin_us - 1) != begin_us:
            return AtOnce(begin_us, moments)
        return moments

    @property
    def begin_us(self) -> int:
        """The start, else creation."""
        begin = self.since_us if self.start_us is None else self.start_us
        assert begin is not None  # noqa: S101 - one of the two is there, see read
        return begin

    @property
    def local_start(self) -> int:
        """The start as the clocks of the zone show it, in whole seconds since 1970."""
        if self.gap_start is not None:
            return self.gap_start
        second = self.begin_us // SECOND
        return second + timeline(self.timezone).segment(second).offset

    def rule_json(self) -> dict[str, object]:
        """Return ``recurrence`` and ``startTime``; end and count are spelled there."""
        said = self.pattern.to_json()
        if self.count is not None:
            said["count"] = self.count
        if self.end_us is not None:
            said["endTime"] = iso(self.end_us)
        return {"recurrence": said, **self._start_json()}

    def common_json(self) -> dict[str, object]:
        """Return the shared keys that this kind spells as the others do."""
        said = Trigger.common_json(self)
        return {name: value for name, value in said.items() if name not in {*dict(_SPELLING)}}

    def words(self) -> str:
        """Return for instance ``Every 2 weeks on Monday at 09:00, from 2026-12-21``."""
        return tell(self.pattern, self.local_start, at_once=self.start_us is None)

    def _start_json(self) -> dict[str, object]:
        if self.gap_start is not None:
            return {"startTime": (_EPOCH + timedelta(seconds=self.gap_start)).isoformat()}
        return {} if self.start_us is None else {"startTime": iso(self.start_us)}


def _refuse_repetition(fields: Fields, inner: Fields) -> None:
    """Refuse what is said under both of its names, and a count beside an end."""
    given = {name for name, value in fields.data.items() if value is not None}
    given |= {f"recurrence.{name}" for name, value in inner.data.items() if value is not None}
    for name, spelling in _SPELLING:
        if {name, spelling} <= given:
            fields.refuse(name, "repeated", f"{name} is said already: here it is {spelling}.")
    if given & {"count", "recurrence.count"} and given & {"end", "recurrence.endTime"}:
        message = "A recurrence has a count or an endTime, not both."
        fields.refuse("recurrence.endTime", "one_of", message)


def _bounds(inner: Fields, common: Common) -> Common:
    """Return *common* with the end and the count that stand in ``recurrence``, if they do."""
    end, count = inner.moment("endTime", common["timezone"]), inner.whole("count")
    bounds = common.copy()
    bounds["end_us"] = common["end_us"] if end is None else end
    bounds["count"] = common["count"] if count is None else count
    return bounds


def _read_start(fields: Fields, timezone: str) -> _Start:
    """Return the start in whole seconds, not before what was said."""
    name = "startTime" if fields.data.get("startTime") is not None else "start"
    exact = fields.moment(name, timezone)
    if exact is None:
        return _Start(None, None)
    second = -(-exact // SECOND)
    local = second + timeline(timezone).segment(second).offset
    said = _without_offset(fields.data[name])
    return _Start(second * SECOND, None if said in {None, local} else said)


def _without_offset(text: object) -> int | None:
    """Return a local time in seconds since 1970, None if it has an offset."""
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is not None:
        return None
    return -(-to_us(moment.replace(tzinfo=UTC)) // SECOND)


def _with_a_rule(fields: Fields, trigger: RecurrenceTrigger) -> RecurrenceTrigger | None:
    """Return *trigger*, None after refusing one of which the rule never follows its first moment.

    A count of 1 asks for no more than that.
    """
    rule = trigger.rule()
    if trigger.count == 1 or not isinstance(rule, AtOnce):
        return trigger
    if rule.rest.next_after(rule.at_us) is not None:
        return trigger
    message = "This recurrence can never fire after its first moment."
    fields.refuse("recurrence", "never", message)
    return None


def _check_end(
    fields: Fields, end_us: int | None, start_us: int | None, created_us: int | None
) -> None:
    """Refuse an end in the past or before the start, unless the trigger is stored already."""
    if end_us is None or created_us is None:
        return
    name = "end" if fields.data.get("end") is not None else "recurrence.endTime"
    if end_us < created_us:
        fields.refuse(name, "past", f"{name.removeprefix('recurrence.')} lies in the past.")
    elif start_us is not None and end_us < start_us:
        fields.refuse(name, "order", f"{name.removeprefix('recurrence.')} lies before the start.")
