"""What differs between the dialects: numbers, names and special days that each field may hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
NICKNAMES: Mapping[str, str] = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


class Dialect(StrEnum):
    """How an expression is to be read."""

    UNIX = "unix"
    NCRONTAB = "ncrontab"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldKind:
    """One field of a dialect: numbers from *low* to *high*, *turn* of them different.

    *names* gives the lower-case words that stand for numbers. *last_days* allows ``L`` and
    ``LW``, *nth_weekdays* ``5#2`` and ``5L``.
    """

    name: str
    low: int
    high: int
    turn: int
    names: Mapping[str, int]
    last_days: bool = False
    nth_weekdays: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """A dialect: its six *kinds* of fields from second to weekday.

    *either*: a restricted day of the month and a restricted weekday are enough each, else both
    must agree. *nicknames* allows ``@daily`` and its like.
    """

    kinds: tuple[FieldKind, ...]
    either: bool
    nicknames: Mapping[str, str]
    shape: str


def _short(names: tuple[str, ...], low: int) -> dict[str, int]:
    """Return the names of three letters."""
    return {name[:3].lower(): number for number, name in enumerate(names, low)}


def _beginnings(names: tuple[str, ...], low: int) -> dict[str, int]:
    """Return every beginning of every name; the first name wins, as in NCrontab's ParseValue."""
    found: dict[str, int] = {}
    for number, name in enumerate(names, low):
        for length in range(1, len(name) + 1):
            found.setdefault(name[:length].lower(), number)
    return found


_TIMES = (
    FieldKind(name="second", low=0, high=59, turn=60, names={}),
    FieldKind(name="minute", low=0, high=59, turn=60, names={}),
    FieldKind(name="hour", low=0, high=23, turn=24, names={}),
)

GRAMMARS: Mapping[Dialect, Grammar] = {
    # Debian's crontab(5), with L, LW and # as cronsim and others have them.
    Dialect.UNIX: Grammar(
        kinds=(
            *_TIMES,
            FieldKind(name="day", low=1, high=31, turn=31, names={}, last_days=True),
            FieldKind(name="month", low=1, high=12, turn=12, names=_short(MONTHS, 1)),
            FieldKind(
                name="weekday", low=0, high=7, turn=7, names=_short(WEEKDAYS, 0), nth_weekdays=True
            ),
        ),
        either=True,
        nicknames=NICKNAMES,
        shape="5 (minute hour day month weekday), or 6 with seconds in front",
    ),
    # NCrontab/CrontabFieldImpl.cs. It swaps the ends of a backward range, which nobody means who
    # writes 22-2: that is refused here.
    Dialect.NCRONTAB: Grammar(
        kinds=(
            *_TIMES,
            FieldKind(name="day", low=1, high=31, turn=31, names={}),
            FieldKind(name="month", low=1, high=12, turn=12, names=_beginnings(MONTHS, 1)),
            FieldKind(name="weekday", low=0, high=6, turn=7, names=_beginnings(WEEKDAYS, 0)),
        ),
        either=False,
        nicknames={},
        shape="6 (second minute hour day month weekday), or 5 without the seconds",
    ),
}
