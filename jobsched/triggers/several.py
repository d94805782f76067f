"""Several triggers on one job: a moment of any of them is a moment."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import ClassVar, Self, TypedDict

from jobsched.clock import SECOND
from jobsched.triggers.base import SINCE, Trigger, TriggerWarning
from jobsched.triggers.fields import LAST_US, Common, Fields, iso
from jobsched.triggers.kinds import SINGLE
from jobsched.triggers.reading import START_TIME, read_trigger
from jobsched.triggers.series import Series
from jobsched.triggers.telling import describe
from jobsched.triggers.union import Bounded, Union

MOST_TRIGGERS = 20
MOST_LOOKUPS = 10_000  # the moments that a count names are found one by one, in each trigger
_LOOKED_AT = 100  # moments, when two of them may lie close together
# After a long downtime the moments that two triggers share are found one by one, and meanwhile
# nothing else fires: a month's worth may take half a second.
_MONTH_US = 30 * 86_400 * SECOND
MOST_A_MONTH = 100_000
_ONLY_OUTSIDE = ("jitter", "calendars", "on_excluded", "any")
_STARTS = ("start", START_TIME)


class _Bounds(TypedDict):
    shared_start_us: int | None
    shared_end_us: int | None
    gap_start: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyTrigger(Trigger):
    """The moments of all *triggers*, each with bounds of its own; *count* counts them together.

    *shared_start_us* and *shared_end_us* are the bounds of those that had none. They are no
    bounds of the whole, which therefore has neither start nor end. *gap_start* is that start as
    it was said, if the clocks of the zone leap over it; else None.
    """

    kind: ClassVar[str] = "any"

    triggers: tuple[Trigger, ...]
    shared_start_us: int | None = None
    shared_end_us: int | None = None
    gap_start: str | None = None

    @classmethod
    def read(cls, fields: Fields, timezone: str, created_us: int | None) -> Self | None:
        """Return the trigger; what is wrong with an inner one is named with its place."""
        common, start = fields.common(timezone), fields.moment("start", timezone)
        end, count = _shared_end(fields, start, common["end_us"], created_us), common["count"]
        common["end_us"] = None
        gap = None if start is None else fields.gap("start", timezone)
        triggers = _Shared(common, (start, gap), end, created_us).read_all(fields)
        _check_count(fields, count, len(triggers))
        if fields.errors:
            return None
        since = None
        if count is not None or any(trigger.since_us is not None for trigger in triggers):
            since = fields.since(created_us)
        shared: _Bounds = {"shared_start_us": start, "shared_end_us": end, "gap_start": gap}
        if created_us is not None and _too_dense(triggers, created_us):
            message = "Only one of the triggers may fire so often, more than twice a minute."
            fields.refuse("any", "too_often", message)
            return None
        return cls(**common, **shared, since_us=since, triggers=triggers)

    @property
    def floor_us(self) -> int:
        """The instant that every moment is later than; creation itself may be one."""
        return -LAST_US if self.since_us is None else self.since_us - 1

    @property
    def at_once_us(self) -> int | None:
        """Where there may be a moment at once: the earliest of those inside."""
        found = [us for trigger in self.triggers if (us := trigger.at_once_us) is not None]
        return min(found, default=self.since_us)

    def first(self, created_us: int) -> int | None:
        """Return the first moment, creation itself if that is one of an inner trigger."""
        at_once = any(trigger.first(created_us) == created_us for trigger in self.triggers)
        return self.next_after(created_us - at_once)

    def rule(self) -> Series:
        """Return the moments of all, those that are equal once."""
        parts = dict.fromkeys(self._part(trigger) for trigger in self.triggers)
        return Union(tuple(parts))

    def rule_json(self) -> dict[str, object]:
        """Return ``any``, without what the inner ones have from outside, and the shared bounds."""
        said: dict[str, object] = {"any": [self._inner_json(inner) for inner in self.triggers]}
        if self.shared_start_us is not None:
            said["start"] = self.gap_start or iso(self.shared_start_us)
        if self.shared_end_us is not None:
            said["end"] = iso(self.shared_end_us)
        return said

    def words(self) -> str:
        """Return for instance ``Every day at 09:00; or every Monday at 18:00``."""
        first, *others = [self._inner_words(trigger) for trigger in self.triggers]
        return "; or ".join([first, *(_continued(text) for text in others)])

    def warnings(self) -> list[TriggerWarning]:
        """Return those of the inner ones, and whether two can come within a second."""
        found = dict.fromkeys(
            warning for trigger in self.triggers for warning in trigger.warnings()
        )
        if self._come_close() and "more_than_once_a_second" not in {each.rule for each in found}:
            message = "Two of the triggers can fire less than a second apart."
            found[TriggerWarning("more_than_once_a_second", message)] = None
        return [*found]

    def stretched_back(self, next_us: int, last_us: int, now_us: int) -> Self:
        """Return the trigger with its intervals begun early enough to go on at *now_us*.

        With a count all stays as it is: the moments on the way would use it up.
        """
        if self.count is not None:
            return self
        triggers = tuple(
            trigger.stretched_back(trigger.next_after(last_us) or next_us, last_us, now_us)
            for trigger in self.triggers
        )
        return self if triggers == self.triggers else replace(self, triggers=triggers)

    def _part(self, trigger: Trigger) -> Series:
        """Return the moments of one within its bounds, and after creation where that is kept."""
        floor = trigger.floor_us
        if self.since_us is not None:
            at_once = trigger.first(self.since_us) == self.since_us
            floor = max(floor, self.since_us - at_once)
        return Bounded(trigger.series, floor, trigger.last_us)

    def _inner_json(self, trigger: Trigger) -> dict[str, object]:
        said = trigger.to_json()
        said.pop("dst", None)
        if trigger.dst is not self.dst:
            said["dst"] = trigger.dst.value
        if trigger.timezone == self.timezone:
            del said["timezone"]
        for name in _STARTS:
            if name in said and said[name] == self._shared_spelling(name, trigger):
                del said[name]
        if trigger.end_us is not None and trigger.end_us == self.shared_end_us:
            said.pop("end", None)
            _drop_end_time(said)
        return said

    def _shared_spelling(self, name: str, trigger: Trigger) -> str | None:
        """Return how *trigger* would say the shared start under *name* if it had it from there."""
        if self.gap_start is not None and name == START_TIME and trigger.timezone == self.timezone:
            return self.gap_start
        return None if self.shared_start_us is None else iso(self.shared_start_us)

    def _inner_words(self, trigger: Trigger) -> str:
        zone = "" if trigger.timezone == self.timezone else f" ({trigger.timezone})"
        return describe(trigger) + zone

    def _come_close(self) -> bool:
        """Whether two of the next moments are less than a second apart.

        Whole seconds never are; only what begins between them is looked at.
        """
        begins = [trigger.since_us or trigger.first(-LAST_US) for trigger in self.triggers]
        broken = [begin for begin in begins if begin is not None and begin % SECOND]
        if len(self.triggers) == 1 or not broken:
            return False
        moments = islice(self.moments(max(broken) - SECOND), _LOOKED_AT)
        return any(later - earlier < SECOND for earlier, later in pairwise(moments))


class _Shared:
    """What inner triggers have from outside."""

    def __init__(
        self,
        common: Common,
        start: tuple[int | None, str | None],
        end_us: int | None,
        created_us: int | None,
    ) -> None:
        start_us, self.gap_start = start
        self.timezone = common["timezone"]
        self.created_us = created_us
        self.end_us = end_us
        self.said: dict[str, object] = {"dst": common["dst"].value}
        if start_us is not None:
            self.said["start"] = iso(start_us)

    def read_all(self, fields: Fields) -> tuple[Trigger, ...]:
        """Return the triggers in ``any``, without those refused."""
        items = fields.data["any"]
        if not isinstance(items, list) or not 1 <= len(items) <= MOST_TRIGGERS:
            fields.refuse("any", "type", f"any must be a list of 1 to {MOST_TRIGGERS} triggers.")
            return ()
        stored = self.created_us is None and SINCE in fields.data
        since: dict[str, object] = {SINCE: fields.data[SINCE]} if stored else {}
        found = [self._read(fields, place, item, since) for place, item in enumerate(items)]
        return tuple(trigger for trigger in found if trigger is not None)

    def _read(
        self, fields: Fields, place: int, item: object, since: dict[str, object]
    ) -> Trigger | None:
        if not isinstance(item, Mapping):
            fields.refuse(f"any[{place}]", "type", "Each of any must be the object of a trigger.")
            return None
        inner = Fields(self._with_shared(item) | since, inside=f"{fields.inside}any[{place}].")
        _refuse_outer_keys(inner, item)
        trigger = None
        if "any" not in item:
            trigger = read_trigger(inner, SINGLE, self.timezone, self.created_us)
        if trigger is not None:
            trigger = self._ended(inner, trigger)
        fields.errors.extend(inner.errors)
        return trigger

    def _with_shared(self, item: Mapping[str, object]) -> dict[str, object]:
        """Return *item* with what it does not say itself, without what it may not say."""
        said = {name: value for name, value in item.items() if name not in _ONLY_OUTSIDE}
        missing = dict(self.said)
        if any(said.get(name) is not None for name in _STARTS):
            missing.pop("start", None)
        elif self.gap_start is not None and said.get("timezone") in (None, self.timezone):
            # A recurrence in the same zone goes on at this time of day where there is no gap.
            missing["start"] = self.gap_start
        return said | {name: value for name, value in missing.items() if said.get(name) is None}

    def _ended(self, inner: Fields, trigger: Trigger) -> Trigger:
        """Return *trigger* with the shared end unless it has its own."""
        if trigger.end_us is not None or self.end_us is None:
            return trigger
        ended = replace(trigger, end_us=self.end_us)
        if self.created_us is not None and ended.first(self.created_us) is None:
            inner.refuse(trigger.kind, "never", "This trigger can never fire before the end.")
        return ended


def _refuse_outer_keys(inner: Fields, item: Mapping[str, object]) -> None:
    for name in _ONLY_OUTSIDE:
        if name in item:
            message = f"{name} stands beside any, not in it."
            nested = "any cannot stand in another any."
            inner.refuse(name, "one_of", nested if name == "any" else message)


def _shared_end(
    fields: Fields, start_us: int | None, end_us: int | None, created_us: int | None
) -> int | None:
    """Return the shared end; None after refusing one in the past or before the shared start."""
    if end_us is None or created_us is None:
        return end_us
    if end_us < created_us:
        fields.refuse("end", "past", "end lies in the past.")
    elif start_us is not None and end_us < start_us:
        fields.refuse("end", "order", "end lies before the start.")
    else:
        return end_us
    return None


def _too_dense(triggers: tuple[Trigger, ...], created_us: int) -> bool:
    """Return whether all but the densest trigger have too many moments to compare."""
    begins = (trigger.first(created_us) for trigger in triggers)
    counts = sorted(
        trigger.count_between(begin, begin + _MONTH_US).total
        for trigger, begin in zip(triggers, begins, strict=True)
        if begin is not None
    )
    return sum(counts[:-1]) > MOST_A_MONTH


def _check_count(fields: Fields, count: int | None, triggers: int) -> None:
    most = MOST_LOOKUPS // max(triggers, 1)
    if count is not None and count > most:
        message = f"count must be {most} at most for {triggers} triggers together."
        fields.refuse("count", "range", message)


def _drop_end_time(said: dict[str, object]) -> None:
    recurrence = said.get("recurrence")
    if isinstance(recurrence, dict):
        recurrence.pop("endTime", None)


def _continued(text: str) -> str:
    """Return *text* as it goes on in a sentence; names of days keep their capital."""
    begins_so = text.startswith(("Every ", "Once ", "At ", "On ", "The "))
    return text[0].lower() + text[1:] if begins_so else text
