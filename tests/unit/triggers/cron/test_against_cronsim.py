"""The Unix dialect beside cronsim, which does what Debian's cron does.

Compared where the two mean the same. Left out, with the reasons:

- Six fields in a zone with clock changes: cronsim follows the clock literally then, whatever the
  fields say; here 0 30 2 is as fixed as 30 2.
- ``5-5/2``: cronsim takes a range of one number for the number alone and goes on to the maximum.
- Names before L (``friL``) and steps greater than the field: cronsim knows only ``5L``; and it
  takes ``*/90``, which is refused here.
- Zones that move by half an hour, or at midnight: cronsim looks for the end of a gap by whole
  minutes and begins days at 00:00, which may not be there. Brute force checks those zones.
"""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsched.clock import from_us, to_us
from jobsched.triggers import CronTrigger
from jobsched.triggers.cron import Dialect, dialects, read_expression

HORIZON = datetime(2040, 1, 1, tzinfo=UTC)  # rare days are compared so far
MONTHS = [name[:3].lower() for name in dialects.MONTHS]
WEEKDAYS = [name[:3].lower() for name in dialects.WEEKDAYS]
CHANGES = (
    datetime(2026, 3, 28, 12, tzinfo=UTC),  # the days before clocks change in Berlin
    datetime(2026, 10, 24, 12, tzinfo=UTC),
    datetime(2026, 3, 7, 12, tzinfo=UTC),  # and in New York
    datetime(2026, 10, 31, 12, tzinfo=UTC),
)
starts = st.sampled_from(CHANGES) | st.integers(0, 365 * 6).map(
    lambda day: datetime(2024, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)
)


@st.composite
def items(draw: st.DrawFn, low: int, high: int, names: list[str]) -> str:
    """Draw one item of a list in a field from *low* to *high*."""
    first, last = sorted((draw(st.integers(low, high)), draw(st.integers(low, high))))
    begin, end = str(first), str(last)
    named = draw(st.booleans())
    if named and first - low < len(names):
        begin = names[first - low]
    step = draw(st.integers(1, max(1, (high - low) // 2)))
    forms = [begin, begin, f"{begin}/{step}"]
    if first != last:
        forms += [f"{begin}-{end}", f"{begin}-{end}/{step}"]
    return draw(st.sampled_from(forms))


def fields(
    low: int, high: int, names: list[str] | None = None, special: tuple[str, ...] = ()
) -> st.SearchStrategy[str]:
    """Return texts of a field: mostly any, steps, lists."""
    listed = st.lists(items(low, high, names or []), min_size=1, max_size=3).map(",".join)
    steps = st.integers(2, (high - low + 1) // 2).map(lambda step: f"*/{step}")
    choices = [st.just("*"), steps, listed, listed]
    return st.one_of(*choices, st.sampled_from(special)) if special else st.one_of(*choices)


seconds, minutes, hours = fields(0, 59), fields(0, 59), fields(0, 23)
days = fields(1, 31, special=("L", "LW", "1,L", "LW,13", "30", "31", "29"))
months = fields(1, 12, MONTHS, special=("2", "feb", "4,6", "*", "*"))
weekdays = fields(0, 7, WEEKDAYS, special=("*", "7", "5L", "mon#2", "0#5", "7#1", "2,3L"))
# Without 5/2, after whose Friday there is Sunday in Unix, where weekdays go up to 7.
weekdays_below_7 = fields(0, 6, WEEKDAYS).filter(
    lambda text: not any("/" in item and item[0] != "*" and "-" not in item
                         for item in text.split(","))
)  # fmt: skip
five = st.tuples(minutes, hours, days, months, weekdays).map(" ".join)
six = st.tuples(seconds, minutes, hours, days, months, weekdays).map(" ".join)
# Moments of a day, at which clock changes are met.
nights = st.tuples(fields(0, 59), st.sampled_from(("*", "*/2", "2", "1-3", "0-4/2", "2,3", "1")))
nightly = nights.map(lambda times: f"{times[0]} {times[1]} * * *")


def ours(text: str, start: datetime, zone: str, dialect: Dialect = Dialect.UNIX) -> list[datetime]:
    trigger = CronTrigger(expression=read_expression(text, dialect), timezone=zone)
    moments = trigger.moments(to_us(start), to_us(HORIZON))
    return [from_us(moment) for moment in islice(moments, 20)]


def theirs(text: str, start: datetime, zone: str) -> list[datetime]:
    found = []
    try:
        for moment in islice(CronSim(text, start.astimezone(ZoneInfo(zone))), 20):
            if moment.astimezone(UTC) > HORIZON:
                break
            found.append(moment.astimezone(UTC))
    except CronSimError:  # it has seen that there is no such day
        return []
    return found


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
@settings(max_examples=100, deadline=None)
@given(text=five, start=starts)
def test_five_fields_agree(zone: str, text: str, start: datetime) -> None:
    assert ours(text, start, zone) == theirs(text, start, zone)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
@settings(max_examples=60, deadline=None)
@given(text=nightly, start=st.sampled_from(CHANGES))
def test_nights_of_clock_changes_agree(zone: str, text: str, start: datetime) -> None:
    assert ours(text, start, zone) == theirs(text, start, zone)


@settings(max_examples=60, deadline=None)
@given(text=six, start=starts)
def test_six_fields_agree(text: str, start: datetime) -> None:
    assert ours(text, start, "UTC") == theirs(text, start, "UTC")


@settings(max_examples=60, deadline=None)
@given(
    times=st.tuples(seconds, minutes, hours),
    month=fields(1, 12, MONTHS),
    day=st.tuples(fields(1, 31), st.just("*")) | st.tuples(st.just("*"), weekdays_below_7),
    start=starts,
)
def test_ncrontab_agrees_where_only_one_kind_of_day_is_named(
    times: tuple[str, ...], month: str, day: tuple[str, str], start: datetime
) -> None:
    text = " ".join([*times, day[0], month, day[1]])

    assert ours(text, start, "UTC", Dialect.NCRONTAB) == theirs(text, start, "UTC")
