"""One field of a cron expression, such as ``9-17/2,mon#1``, made into what it names."""

import difflib
from dataclasses import dataclass
from typing import NamedTuple

from jobsched.triggers.cron.dialects import FieldKind

_SHOWN = 24  # characters of a wrong item that a refusal repeats


class Refusal(NamedTuple):
    """One mistake: the rule, and a sentence that names the place."""

    rule: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldValues:
    """What a field names: the numbers *values* (Sunday = 0) and days that the month decides.

    *nth* holds pairs of a weekday and which one of the month, -1 for the last. *starred*: the
    text begins with ``*``, so the field restricts nothing in the sense of crontab(5).
    """

    values: frozenset[int]
    starred: bool = False
    last_day: bool = False
    last_workday: bool = False
    nth: frozenset[tuple[int, int]] = frozenset()


class _Refused(Exception):
    """An item cannot be read."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(reason)
        self.rule = rule


class _Item(NamedTuple):
    """What one item of a list names."""

    values: range = range(0)
    nth: tuple[tuple[int, int], ...] = ()
    special: str = ""  # l or lw


def read_field(text: str, kind: FieldKind, number: int) -> tuple[FieldValues, list[Refusal]]:
    """Return what field *number* (from 1) of an expression names, and all that is wrong in it."""
    items, refusals = [], []
    for item in text.split(","):
        try:
            items.append(_read_item(item, kind))
        except _Refused as refused:
            shown = item if len(item) <= _SHOWN else item[:_SHOWN] + "..."
            message = f'Field {number} ({kind.name}), "{shown}": {refused}'
            refusals.append(Refusal(refused.rule, message))
    specials = {item.special for item in items}
    values = FieldValues(
        values=frozenset(_same(value, kind) for item in items for value in item.values),
        starred=text.startswith("*"),
        last_day="l" in specials,
        last_workday="lw" in specials,
        nth=frozenset(pair for item in items for pair in item.nth),
    )
    return values, refusals


def _same(value: int, kind: FieldKind) -> int:
    """Return the number under which a value is kept: Sunday, 0 and 7, is 0."""
    return kind.low if value - kind.low >= kind.turn else value


def _read_item(item: str, kind: FieldKind) -> _Item:
    if not item:
        raise _Refused("text", "an item of the list is missing.")
    word = item.lower()
    if kind.last_days and word in {"l", "lw"}:
        return _Item(special=word)
    if kind.nth_weekdays and "#" in word:
        return _read_nth(item, kind)
    if kind.nth_weekdays and word.endswith("l") and word != "l":
        return _Item(nth=((_same(_value(item[:-1], kind), kind), -1),))
    span, slash, step = item.partition("/")
    first, last = _read_span(span, kind, open_ended=bool(slash))
    return _Item(values=range(first, last + 1, _read_step(step, kind) if slash else 1))


def _read_nth(item: str, kind: FieldKind) -> _Item:
    """Return the weekday of ``5#2`` or ``fri#2``."""
    weekday, _, which = item.partition("#")
    day = _same(_value(weekday, kind), kind)
    if not (which.isascii() and which.isdigit()) or not 1 <= int(which) <= 5:
        raise _Refused("range", "after # stands which one of the month, 1 to 5; the last is 5L.")
    return _Item(nth=((day, int(which)),))


def _read_span(span: str, kind: FieldKind, *, open_ended: bool) -> tuple[int, int]:
    """Return the first and the last number of ``*``, ``a`` or ``a-b``."""
    if span == "*":
        return kind.low, kind.high
    left, dash, right = span.partition("-")
    first = _value(left, kind)
    if not dash:
        return first, kind.high if open_ended else first
    last = _value(right, kind)
    if last < first:
        raise _Refused("order", f"the range runs backwards; {_forwards(first, last, kind)}")
    return first, last


def _forwards(first: int, last: int, kind: FieldKind) -> str:
    """Return how to write the range that goes over the end of the field."""
    if kind.high == kind.turn and last == kind.low:  # Sunday can also be 7
        return f"write {first}-{kind.high}."
    top = kind.low + kind.turn - 1
    parts = [(first, top), (kind.low, last)]
    texts = [f"{low}-{high}" if low < high else f"{low}" for low, high in parts]
    return f"write {','.join(texts)}."


def _read_step(step: str, kind: FieldKind) -> int:
    """Return the number after ``/``.

    One that is larger than the whole field is refused: ``*/90`` minutes runs every hour, which
    nobody means who writes it. ``*/60`` minutes and ``*/24`` hours do what they say.
    """
    if not step:
        raise _Refused("text", "the number after / is missing.")
    if not (step.isascii() and step.isdigit()):
        raise _Refused("text", "after / stands a number of digits alone.")
    if not 1 <= int(step) <= kind.turn:
        raise _Refused("range", f"the step after / must be from 1 to {kind.turn}.")
    return int(step)


def _value(text: str, kind: FieldKind) -> int:
    """Return the number that digits or a name stand for."""
    if text.isascii() and text.isdigit():
        number = int(text)
        if kind.low <= number <= kind.high:
            return number
        sunday = " Sunday is 0." if kind.name == "weekday" and number == 7 else ""
        raise _Refused("range", f"{kind.name}s go from {kind.low} to {kind.high}.{sunday}")
    found = kind.names.get(text.lower())
    if found is None:
        raise _unreadable(text, kind)
    return found


def _unreadable(text: str, kind: FieldKind) -> _Refused:
    """Return what to say of a text that is neither a number nor a name."""
    if not text:
        return _Refused("text", "a number is missing.")
    if "?" in text:
        return _Refused("text", "? belongs to Quartz; write * here (mind that Sunday is 0, not 1).")
    if kind.name in {"day", "weekday"} and text.lower().strip("0123456789-") in {"l", "w", "lw"}:
        return _Refused("text", _special_days(kind))
    if not text.isalpha() or not kind.names:
        return _Refused("text", f"{kind.name}s are numbers from {kind.low} to {kind.high}.")
    near = difflib.get_close_matches(text.lower()[:_SHOWN], _three_letters(kind), n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    return _Refused("unknown", f"there is no such {kind.name}.{hint}")


def _special_days(kind: FieldKind) -> str:
    if kind.last_days:
        return "of the special days there are L (the last) and LW (the last from Monday to Friday)."
    if kind.nth_weekdays:
        return "of the special weekdays there are 5L (the last Friday) and 5#2 (the second)."
    return "L and W belong to the dialect unix."


def _three_letters(kind: FieldKind) -> list[str]:
    return [name for name in kind.names if len(name) == 3]
