"""Calendars cost little: a count is followed once, previews look at few days, all counted here."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import pytest

from jobsched.calendars import Window
from jobsched.calendars.marks import mark_of
from jobsched.calendars.named import NamedCalendar
from jobsched.calendars.parts import Dates, Weekly
from jobsched.clock import SECOND, to_us
from jobsched.errors import InvalidInput
from jobsched.triggers import Trigger, parse, restore
from jobsched.triggers.preview import preview

DAY = 86_400
NOW = to_us(datetime(2026, 11, 21, 18, tzinfo=UTC))
YEAR = 366 * DAY * SECOND


@dataclass
class Asked:
    """A calendar that counts how often it is asked; closed on *days* from *start* to *end*."""

    name: str
    days: tuple[int, ...]
    start: int = 0
    end: int = DAY
    times: int = field(default=0, compare=False)

    def closed(self, day: int) -> tuple[Window, ...]:
        self.times += 1
        return ((self.start, self.end),) if (day - 1) % 7 in self.days else ()

    def reason(self, day: int, second: int) -> str:
        return f"closed {self.name}"


def calendars() -> dict[str, Asked]:
    found = [
        Asked("nights", (0, 1, 2, 3, 4, 5, 6), 0, 6 * 3600),
        Asked("montue", (0, 1)),
        Asked("weekend", (5, 6)),
    ]
    return {each.name: each for each in found}


def asked(known: dict[str, Asked], work: Callable[[], object]) -> int:
    """Return how often the calendars *known* are asked in the course of *work*."""
    before = sum(each.times for each in known.values())
    work()
    return sum(each.times for each in known.values()) - before


COUNTED = [
    {"cron": "*/10 * * * *", "count": 9000, "calendars": ["nights", "montue"],
     "on_excluded": "next"},
    {"cron": "0 9 * * *", "count": 2000, "calendars": ["nights", "weekend"],
     "on_excluded": "previous"},
    {"cron": "* * * * *", "count": 900_000, "calendars": ["nights", "montue"]},
    {"any": [{"cron": f"{minute} 9 * * *"} for minute in range(5)], "count": 2000,
     "calendars": ["weekend", "nights"], "on_excluded": "next"},
]  # fmt: skip


@pytest.mark.parametrize("said", COUNTED)
def test_what_is_stored_is_restored_without_looking_for_its_end(said: dict[str, object]) -> None:
    trigger = parse(said, created_us=NOW, calendars=calendars())
    known, stored = calendars(), trigger.stored()
    restored: list[Trigger] = []

    looked = asked(known, lambda: restored.append(restore(stored, known)))
    looked += asked(known, lambda: restored[0].last_us)

    assert looked < 100
    assert restored[0].last_us == trigger.last_us
    assert restored[0].stored() == stored
    assert "last" not in trigger.to_json()


@pytest.mark.parametrize("said", COUNTED)
def test_without_its_end_a_stored_form_is_followed_anew(said: dict[str, object]) -> None:
    known = calendars()
    trigger = parse(said, created_us=NOW, calendars=known)
    stored = {name: value for name, value in trigger.stored().items() if name != "last"}

    assert restore(stored, known).last_us == trigger.last_us


def test_other_calendars_make_another_end() -> None:
    said = {"cron": "0 9 * * *", "count": 5, "calendars": ["company"]}
    some, more = (
        {"company": NamedCalendar("company", (Dates(frozenset(days)),))}
        for days in ([], [date(2026, 11, 23).toordinal()])
    )
    stored = parse(said, created_us=NOW, calendars=some).stored()

    after = restore(stored, more)

    assert after.count_between(NOW, NOW + YEAR).total == 5
    assert after.last_us == restore(stored, some).last_us + DAY * SECOND


def test_a_mark_follows_the_contents_alone() -> None:
    def company(*days: int) -> NamedCalendar:
        return NamedCalendar("company", (Dates(frozenset(days)), Weekly(((),) * 7)))

    assert mark_of([company(1, 2)]) == mark_of([company(2, 1)])
    assert mark_of([company(1, 2)]) != mark_of([company(1, 3)])


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ({"cron": "* * * * *", "count": 19_000_000, "on_excluded": "next"},
         {("on_excluded", "too_often")}),
        ({"cron": "* * * * *", "count": 19_000_000}, {("count", "range")}),
        ({"cron": "0 9 * * *", "count": 2**53}, {("count", "range")}),
        ({"cron": "*/10 * * * *", "count": 10_001, "on_excluded": "next"}, {("count", "range")}),
        ({"any": [{"cron": f"*/{step} * * * *"} for step in range(2, 22)], "count": 500,
          "on_excluded": "next"}, {("on_excluded", "too_often")}),
    ],
)  # fmt: skip
def test_a_count_that_needs_too_long_is_refused_soon(
    said: dict[str, object], refused: set[tuple[str, str]]
) -> None:
    known = calendars()
    found: list[InvalidInput] = []

    def read() -> None:
        with pytest.raises(InvalidInput) as refusal:
            parse({**said, "calendars": ["nights", "montue"]}, created_us=NOW, calendars=known)
        found.append(refusal.value)

    assert asked(known, read) < 20_000
    assert {(error.field, error.rule) for error in found[0].errors} == refused


def test_a_small_count_of_rare_moments_is_followed_for_long() -> None:
    said = {"cron": "0 9 1 1 *", "count": 40, "calendars": ["weekend"], "on_excluded": "next"}

    trigger = parse(said, created_us=NOW, calendars=calendars())

    assert trigger.last_us == to_us(datetime(2066, 1, 1, 9, tzinfo=UTC))


def test_a_count_of_what_ends_before_is_no_mistake() -> None:
    known = calendars()
    said = {"cron": "0 9 * * *", "calendars": ["weekend"], "count": 10**6}
    ended = parse({**said, "end": "2030-01-01"}, created_us=NOW, calendars=known)
    once = {"at": "2026-11-23T09:00:00Z", "calendars": ["weekend"], "count": 5}

    assert ended.last_us == to_us(datetime(2030, 1, 1, tzinfo=UTC))
    assert parse(once, created_us=NOW, calendars=known).next_after(NOW) is not None


@pytest.mark.parametrize(
    "said",
    [
        {"cron": "0 9 29 2 *", "calendars": ["weekend"], "on_excluded": "next"},
        {"cron": "0 9 29 2 *", "calendars": ["weekend"], "on_excluded": "previous"},
        {"cron": "0 3,9 29 2 *", "calendars": ["nights"], "on_excluded": "next"},
        {"interval": {"days": 366}, "calendars": ["montue", "weekend"], "on_excluded": "previous"},
    ],
)
def test_a_preview_of_rare_moments_looks_at_few_days(said: dict[str, object]) -> None:
    known = calendars()
    trigger = parse(said, created_us=NOW, calendars=known)

    assert asked(known, lambda: preview(trigger, NOW, 1000)) < 60_000


@pytest.mark.parametrize("rule", ["next", "previous"])
def test_years_that_are_closed_are_gone_through_once(rule: str) -> None:
    weekdays = Asked("ever", (0, 1, 2, 3, 4, 5, 6))
    known = {"ever": weekdays}
    said = {"cron": "0 9 * * *", "calendars": ["ever"], "on_excluded": rule}

    def read() -> None:
        with pytest.raises(InvalidInput):
            parse(said, created_us=NOW, calendars=known)

    assert asked(known, read) < 120_000


@pytest.mark.parametrize(
    ("said", "zone", "closed"),
    [
        ({"cron": "*/18 0 * * *", "on_excluded": "next"}, "America/Havana", date(2026, 3, 7)),
        ({"cron": "* 1 * * *", "dst": "skip", "on_excluded": "previous"},
         "Antarctica/Troll", date(2026, 3, 30)),
        ({"cron": "0,30 0-3 * * *", "dst": "skip", "on_excluded": "next"},
         "Europe/Berlin", date(2026, 3, 28)),
    ],
)  # fmt: skip
def test_nothing_left_out_stands_at_a_moment_even_a_moved_one(
    said: dict[str, object], zone: str, closed: date
) -> None:
    known = {"c": NamedCalendar("c", (Dates(frozenset([closed.toordinal()])),))}
    began = to_us(datetime(2026, 3, 1, tzinfo=UTC))
    trigger = parse(
        {**said, "timezone": zone, "calendars": ["c"]}, created_us=began, calendars=known
    )
    end = began + 40 * DAY * SECOND

    left_out = [omission.at_us for omission in trigger.omissions(began, end)]

    assert len(left_out) >= 1
    assert left_out == sorted({*left_out})
    assert not {*left_out} & {*trigger.moments(began, end)}
