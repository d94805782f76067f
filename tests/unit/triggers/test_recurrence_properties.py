"""Whether recurrences agree with walking through the calendar, and their forms with each other."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from jobsched.clock import to_us
from jobsched.triggers import parse, restore
from tests.unit.triggers.recurrences import NOW, instant, made, recurrence

BERLIN = "Europe/Berlin"
_ELAPSED = {
    "frequency": st.sampled_from(["minute", "hour"]),
    "interval": st.integers(1, 200),
    "schedule": st.fixed_dictionaries(
        {"minutes": st.lists(st.integers(0, 59), min_size=1, max_size=20)},
        optional={"hours": st.lists(st.integers(0, 23), min_size=6)},
    ),
}


@settings(deadline=None, max_examples=60)
@given(
    said=st.fixed_dictionaries(_ELAPSED),
    zone=st.sampled_from(["UTC", BERLIN, "Asia/Kathmandu"]),
    seconds=st.integers(0, 6 * 86_400),
)
def test_limited_steps_agree_with_looking_at_every_minute(
    said: dict[str, object], zone: str, seconds: int
) -> None:
    start = datetime(2027, 3, 24, tzinfo=UTC) + timedelta(seconds=seconds)
    trigger = restore(
        recurrence(**said, timezone=zone, startTime=start.isoformat().replace("+00:00", "Z"))
    )
    until = to_us(start + timedelta(days=6)) - 1

    expected = [moment for moment in _steps(said, zone, start, 6) if moment <= until]

    assert list(trigger.moments(0, until)) == expected
    assert trigger.count_between(0, until + 1).total == len(expected)


def _steps(said: dict[str, object], zone: str, start: datetime, days: int) -> Iterator[int]:
    """Yield the moments of a limited recurrence, minute by minute."""
    schedule, step = said["schedule"], said["interval"]
    assert isinstance(schedule, dict)
    assert isinstance(step, int)
    area = ZoneInfo(zone)
    hour_begin = start.astimezone(area).minute * 60 + start.second
    for minute in range(-60, days * 1440):
        moment = start + timedelta(minutes=minute)
        local = moment.astimezone(area)
        if said["frequency"] == "minute":
            in_step = minute % step == 0
        else:
            in_step = (minute * 60 + hour_begin) // 3600 % step == 0
        chosen = local.minute in schedule["minutes"]
        if minute >= 0 and in_step and chosen and local.hour in schedule.get("hours", range(24)):
            yield to_us(moment)


_SCHEDULE_PARTS: dict[str, st.SearchStrategy[object]] = {
    "minutes": st.lists(st.integers(0, 59), min_size=1, max_size=5),
    "hours": st.lists(st.integers(0, 23), min_size=1, max_size=5),
}
_WEEKDAYS = st.sampled_from(
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
)
_DAYS: dict[str, dict[str, st.SearchStrategy[object]]] = {
    "week": {"weekDays": st.lists(_WEEKDAYS, min_size=1)},
    "month": {
        "monthDays": st.lists(
            st.one_of(st.integers(1, 28), st.integers(-28, -1)), min_size=1, max_size=4
        ),
        "monthlyOccurrences": st.lists(
            st.fixed_dictionaries(
                {"day": _WEEKDAYS}, optional={"occurrence": st.sampled_from([1, 2, 3, 4, -1, -4])}
            ),
            min_size=1,
            max_size=4,
        ),
    },
}


_STARTS = ("2020-02-29T13:00:00", "2026-12-31T23:59:59", "2027-03-28T02:30:00")


@st.composite
def recurrences(draw: st.DrawFn) -> dict[str, object]:
    """Draw the request of a recurrence that has moments."""
    frequency = draw(st.sampled_from(["day", "week", "month"]))
    parts = {**_SCHEDULE_PARTS, **_DAYS.get(frequency, {})}
    said = {
        "frequency": frequency,
        "interval": draw(st.integers(1, 18)),
        "schedule": draw(st.fixed_dictionaries({}, optional=parts)),
    }
    said |= draw(st.sampled_from([{}, {"count": 7}, {"endTime": "2199-01-01T00:00:00Z"}]))
    said |= draw(st.sampled_from([{}, *({"startTime": start} for start in _STARTS)]))
    said["timezone"] = draw(st.sampled_from(["UTC", BERLIN, "America/Havana"]))
    said["dst"] = draw(st.sampled_from(["once", "skip", "both"]))
    return recurrence(**said)


@settings(deadline=None, max_examples=100)
@given(said=recurrences())
def test_the_canonical_and_the_stored_form_are_the_same_trigger(said: dict[str, object]) -> None:
    trigger = made(said)

    assert parse(trigger.to_json(), created_us=NOW) == trigger
    assert restore(trigger.stored()) == trigger
    assert trigger.first(NOW) is not None


@settings(deadline=None, max_examples=60)
@given(said=recurrences())
def test_counting_agrees_with_listing_and_moments_only_grow(said: dict[str, object]) -> None:
    trigger = made(said)
    end = instant("2028-06-01")

    listed = list(trigger.moments(NOW, end - 1))

    assert trigger.count_between(NOW + 1, end).total == len(listed)
    assert listed == sorted(set(listed))
    assert trigger.newest_between(NOW + 1, end, 3) == listed[-3:]


@settings(deadline=None, max_examples=60)
@given(said=recurrences())
def test_dates_agree_with_walking_through_the_calendar(said: dict[str, object]) -> None:
    said = {**said, "timezone": "UTC", "startTime": "2026-12-31T23:59:59Z"}
    trigger = made(said)
    until = datetime(2028, 12, 31, tzinfo=UTC)

    found = {_date(moment) for moment in trigger.moments(NOW, to_us(until))}

    if trigger.count is None:
        assert found == {day for day in _calendar(said, until) if _has_time(said, day)}


def _date(moment: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)).date().isoformat()


def _has_time(said: dict[str, object], day: str) -> bool:
    """Whether times of *day* are not before the start, the last second of 2026."""
    recurrence_said = said["recurrence"]
    assert isinstance(recurrence_said, dict)
    schedule = recurrence_said["schedule"]
    last = 23 in schedule.get("hours", [23]) and 59 in schedule.get("minutes", [59])
    return day > "2026-12-31" or last


def _calendar(said: dict[str, object], until: datetime) -> Iterator[str]:
    """Yield the days of a recurrence from 31 December 2026, a Thursday, on."""
    rule = said["recurrence"]
    assert isinstance(rule, dict)
    schedule, step = rule["schedule"], rule["interval"]
    start = datetime(2026, 12, 31, tzinfo=UTC)
    for number in range((until - start).days):
        day = start + timedelta(days=number)
        if rule["frequency"] == "day":
            fits = number % step == 0
        elif rule["frequency"] == "week":
            in_step = (number + 3) // 7 % step == 0
            fits = in_step and day.strftime("%A") in schedule.get("weekDays", ["Thursday"])
        else:
            in_step = (day.year * 12 + day.month - (2026 * 12 + 12)) % step == 0
            fits = in_step and _is_named(schedule, day)
        if fits:
            yield day.date().isoformat()


def _is_named(schedule: dict[str, list[object]], day: datetime) -> bool:
    """Whether a day of a month is named by number or as an occurrence of its weekday."""
    next_month = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    last = (next_month - timedelta(days=1)).day
    occurrences = schedule.get("monthlyOccurrences", [])
    days = schedule.get("monthDays", [] if occurrences else [31])
    which = {None, (day.day - 1) // 7 + 1, -((last - day.day) // 7 + 1)}
    named = {"day": day.strftime("%A")}
    return bool({day.day, day.day - last - 1} & {*days}) or any(
        {"day": item["day"]} == named and item.get("occurrence") in which  # type: ignore[index, attr-defined]
        for item in occurrences
    )
