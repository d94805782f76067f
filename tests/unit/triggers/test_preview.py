"""The preview of a trigger: moments in its zone, and the days on which it does nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Self

import pytest

from jobsched.clock import SECOND, to_us
from jobsched.triggers import parse
from jobsched.triggers.base import Trigger, TriggerWarning
from jobsched.triggers.fields import Fields
from jobsched.triggers.preview import Preview, preview
from jobsched.triggers.series import EmptyMonth, Omission, Series

NOW = datetime(2026, 5, 1, 7, tzinfo=UTC)
NOW_US = to_us(NOW)
DAY = 86_400 * SECOND


def at(days: int) -> int:
    return NOW_US + days * DAY


def omission(days: int, note: str = "closed") -> Omission:
    date = (NOW + timedelta(days=days)).date().isoformat()
    return Omission(at(days), at(days), 1, date, "calendar", note)


@dataclass(frozen=True, slots=True)
class Listed(Series):
    """Exactly the given moments, days and months."""

    listed: tuple[int, ...]
    left_out: tuple[Omission, ...] = ()
    months: tuple[EmptyMonth, ...] = ()

    def next_after(self, us: int) -> int | None:
        return next((moment for moment in self.listed if moment > us), None)

    def count(self, first_us: int, end_us: int) -> int:
        return sum(first_us <= moment < end_us for moment in self.listed)

    def omissions(self, first_us: int, end_us: int) -> Iterator[Omission]:
        return (each for each in self.left_out if first_us <= each.at_us < end_us)

    def empty_months(self, first_us: int, end_us: int) -> Iterator[EmptyMonth]:
        del first_us, end_us
        return iter(self.months)

    def note(self, us: int) -> str | None:
        return "moved" if us == at(2) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTrigger(Trigger):
    """A trigger of nothing but a list."""

    kind: ClassVar[str] = "listed"

    listed: Listed

    @classmethod
    def read(cls, fields: Fields, timezone: str, created_us: int | None) -> Self | None:
        raise NotImplementedError

    def rule(self) -> Series:
        return self.listed

    def rule_json(self) -> dict[str, object]:
        return {"listed": len(self.listed.listed)}

    def words(self) -> str:
        return "As listed"

    def warnings(self) -> list[TriggerWarning]:
        return [TriggerWarning("day_or_weekday", "Either will do.")]


def previewed(listed: Listed, n: int = 3) -> Preview:
    return preview(ListedTrigger(listed=listed), NOW_US, n)


def test_the_moments_come_strictly_after_the_beginning() -> None:
    shown = previewed(Listed((at(-1), at(0), at(1), at(2), at(3), at(4))))

    assert [planned.at_us for planned in shown.next] == [at(1), at(2), at(3)]
    assert [planned.note for planned in shown.next] == [None, "moved", None]


def test_what_is_meant_for_now_is_the_beginning_itself() -> None:
    trigger = parse({"at": (NOW - timedelta(seconds=30)).isoformat()}, created_us=NOW_US)

    shown = preview(trigger, NOW_US, 10)

    assert [planned.at_us for planned in shown.next] == [NOW_US]


def test_local_times_are_those_of_the_triggers_zone() -> None:
    begin = datetime(2026, 3, 28, 0, 30, tzinfo=UTC)
    given = {"interval": {"days": 1}, "timezone": "Europe/Berlin"}

    shown = preview(parse(given, created_us=to_us(begin)), to_us(begin), 2)

    assert [planned.local.isoformat() for planned in shown.next] == [
        "2026-03-29T01:30:00+01:00",
        "2026-03-30T02:30:00+02:00",
    ]


def test_days_and_months_without_moments_come_in_one_order() -> None:
    months = (EmptyMonth("2026-05", "too short"), EmptyMonth("2026-06", "too short"))
    days = (omission(-1), omission(1), omission(40))

    shown = previewed(Listed((at(10), at(50)), days, months), 2)

    assert [(skipped.date, skipped.reason) for skipped in shown.skipped] == [
        ("2026-05", "short_month"),
        ("2026-05-02", "calendar"),
        ("2026-06", "short_month"),
        ("2026-06-10", "calendar"),
    ]


def test_what_follows_the_last_moment_shown_is_not_skipped_yet() -> None:
    listed = Listed((at(1), at(3), at(5)), (omission(2), omission(4)))

    assert [skipped.date for skipped in previewed(listed, 2).skipped] == ["2026-05-03"]


def test_days_skipped_after_the_last_moment_of_all_are_told() -> None:
    listed = Listed((at(1), at(3)), (omission(2), omission(4)))

    shown = previewed(listed, 3)

    assert [skipped.date for skipped in shown.skipped] == ["2026-05-03", "2026-05-05"]


def test_a_day_that_two_rules_skip_for_one_reason_is_told_once() -> None:
    listed = Listed((at(9),), (omission(2), omission(2), omission(2, "another reason")))

    shown = previewed(listed, 1)

    assert [skipped.note for skipped in shown.skipped] == ["closed", "another reason"]


@pytest.mark.parametrize(("many", "cut"), [(1000, False), (1001, True), (5000, True)])
def test_no_more_than_a_thousand_skipped_days_are_listed(many: int, cut: bool) -> None:
    listed = Listed((at(6000),), tuple(omission(days) for days in range(1, many + 1)))

    shown = previewed(listed, 1)

    assert len(shown.skipped) == 1000
    assert shown.skipped[-1].note == "closed" + ("; later ones are not listed" if cut else "")


def test_days_skipped_after_a_hundred_years_are_not_listed() -> None:
    century = 36_525
    listed = Listed((at(1), at(century + 9)), (omission(5), omission(century + 5)))

    shown = previewed(listed, 2)

    assert [(skipped.date, skipped.note) for skipped in shown.skipped] == [
        ("2026-05-06", "closed; later ones are not listed")
    ]


def test_as_json_it_has_the_shape_of_the_api() -> None:
    listed = Listed((at(2),), (omission(1),))

    shown = previewed(listed, 1).to_json()

    assert shown == {
        "next": [
            {
                "utc": "2026-05-03T07:00:00Z",
                "local": "2026-05-03T07:00:00+00:00",
                "note": "moved",
            }
        ],
        "skipped": [{"date": "2026-05-02", "reason": "calendar", "note": "closed"}],
        "description": "As listed",
        "timezone": "UTC",
        "trigger": {"listed": 1, "timezone": "UTC"},
        "warnings": [{"rule": "day_or_weekday", "message": "Either will do."}],
    }
