"""Several triggers on one job: their moments together, what they share and what is refused."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsched.clock import SECOND
from jobsched.errors import InvalidInput
from jobsched.triggers import describe, parse, restore
from tests.unit.triggers.recurrences import (
    NOW,
    instant,
    made,
    moments,
    recurrence,
    refused,
    shown,
)

MINUTE = 60 * SECOND
DAILY, MONDAYS = {"cron": "0 9 * * *"}, {"cron": "0 18 * * mon"}


def test_a_moment_of_any_of_them_is_a_moment() -> None:
    said = {"any": [DAILY, MONDAYS]}

    assert shown(said, 4) == ["11-22 09:00", "11-23 09:00", "11-23 18:00", "11-24 09:00"]


def test_one_instant_named_by_two_is_one_moment() -> None:
    said = {"any": [DAILY, {"cron": "0 9,12 * * *"}, {"at": "2026-11-22T09:00:00Z"}]}

    assert shown(said, 4) == ["11-21 12:00", "11-22 09:00", "11-22 12:00", "11-23 09:00"]
    assert made(said).count_between(NOW, instant("2026-11-24")).total == 5


def test_the_outer_count_counts_moments() -> None:
    said = {"any": [DAILY, {"cron": "0 9,12 * * *"}], "count": 3}

    assert len(moments(said)) == 3
    assert moments(said) == list(restore(made(said).stored()).moments(0))


def test_an_inner_count_counts_its_own() -> None:
    said = {"any": [{**DAILY, "count": 1}, MONDAYS]}

    assert shown(said, 3) == ["11-22 09:00", "11-23 18:00", "11-30 18:00"]
    assert moments(said, 3) == list(restore(made(said).stored()).moments(0))[:3]


def test_bounds_and_zone_hold_for_those_that_have_none_of_their_own() -> None:
    said = {
        "any": [
            DAILY,
            {**DAILY, "timezone": "UTC", "start": "2026-12-10", "end": "2026-12-11"},
            {"recurrence": {"frequency": "day"}},
        ],
        "timezone": "America/New_York",
        "start": "2026-12-01T12:00:00",
        "end": "2026-12-02T12:00:00",
    }

    assert moments(said) == [
        instant(text)
        for text in (
            "2026-12-01T17:00", "2026-12-02T14:00", "2026-12-02T17:00", "2026-12-10T09:00",
        )
    ]  # fmt: skip


def test_the_first_moment_can_be_creation_itself_yet_no_other_is() -> None:
    at_nine = instant("2026-11-22T09:00")

    plain = moments({"any": [DAILY], "count": 2}, 9, at_nine)
    at_once = moments({"any": [MONDAYS, recurrence(frequency="week")]}, 1, at_nine)
    now = moments({"any": [MONDAYS, {"at": "2026-11-22T08:59:30Z"}]}, 1, at_nine)

    assert plain == [at_nine + 24 * 60 * MINUTE, at_nine + 48 * 60 * MINUTE]
    assert at_once == [at_nine]
    assert now == [at_nine]


@pytest.mark.parametrize(
    ("said", "refusals"),
    [
        ({"any": []}, {"any": "type"}),
        ({"any": {}}, {"any": "type"}),
        ({"any": None}, {"any": "type"}),
        ({"any": [DAILY] * 21}, {"any": "type"}),
        ({"any": [DAILY, 5]}, {"any[1]": "type"}),
        ({"any": [{"any": [DAILY]}]}, {"any[0].any": "one_of"}),
        ({"any": [{}]}, {"any[0].interval": "required"}),
        ({"any": [{**DAILY, "at": "2027-01-01"}]}, {"any[0].cron": "one_of"}),
        ({"any": [{"cron": "60 * * * *"}]}, {"any[0].cron": "range"}),
        ({"any": [DAILY, {"interval": {"seconds": 0}}]}, {"any[1].interval.seconds": "positive"}),
        ({"any": [{**DAILY, "jitter": 3}]}, {"any[0].jitter": "one_of"}),
        ({"any": [{**DAILY, "calendars": ["x"]}]}, {"any[0].calendars": "one_of"}),
        ({"any": [{**DAILY, "on_excluded": "next"}]}, {"any[0].on_excluded": "one_of"}),
        ({"any": [{**DAILY, "since": "2026-01-01"}]}, {"any[0].since": "unknown"}),
        ({"any": [{**DAILY, "ends": "2027-01-01"}]}, {"any[0].ends": "unknown"}),
        ({"any": [{**DAILY, "timezone": "Mars"}]}, {"any[0].timezone": "timezone"}),
        ({"any": [{**DAILY, "end": "2026-01-01"}]}, {"any[0].end": "past"}),
        ({"any": [DAILY], "end": "2026-01-01"}, {"end": "past"}),
        ({"any": [DAILY], "end": "2027-01-01", "start": "2027-01-02"}, {"end": "order"}),
        ({"any": [DAILY], "startTime": "2027-01-01"}, {"startTime": "one_of"}),
        ({"any": [DAILY], "count": 10_001}, {"count": "range"}),
        ({"any": [DAILY] * 20, "count": 501}, {"count": "range"}),
        (
            {"any": [DAILY, {"at": "2027-01-02"}], "end": "2027-01-01"},
            {"any[1].at": "never"},
        ),
        (
            {"any": [DAILY, recurrence(frequency="dax", interval=0)]},
            {"any[1].recurrence.frequency": "choice", "any[1].recurrence.interval": "range"},
        ),
        (
            {"any": [{"cron": "0 0 30 2 *"}, {"at": "x"}], "jitter": -1},
            {"any[0].cron": "never", "any[1].at": "time", "jitter": "range"},
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    said: Mapping[str, object], refusals: Mapping[str, str]
) -> None:
    assert refused(said) == refusals


def test_two_that_fire_all_the_time_are_refused() -> None:
    seconds, halves = {"cron": "* * * * * *"}, {"cron": "*/30 * * * * *"}
    weekend = {"cron": "*/30 * * * * sat,sun"}

    assert refused({"any": [seconds, {"cron": "*/20 * * * * *"}]}) == {"any": "too_often"}
    assert refused({"any": [seconds, halves, {"interval": {"minutes": 1.5}}]}) == {
        "any": "too_often"
    }
    assert made({"any": [seconds, halves]}).kind == "any"
    assert made({"any": [seconds, weekend, DAILY]}).kind == "any"


def test_a_wrong_bound_is_named_once() -> None:
    assert refused({"any": [DAILY, MONDAYS], "start": "x", "end": "y", "dst": "z"}) == {
        "start": "time", "end": "time", "dst": "choice",
    }  # fmt: skip


def test_the_canonical_form_says_only_what_differs_inside() -> None:
    said = {
        "any": [
            {**DAILY, "timezone": "UTC", "dst": "once"},
            {**recurrence(frequency="day", count=3), "startTime": "2026-12-01T00:00:00+01:00"},
        ],
        "timezone": "Europe/Berlin",
        "dst": "skip",
        "start": "2026-12-01T00:00:00",
        "end": "2026-12-24T00:00:00",
        "jitter": 2,
    }

    assert made(said).to_json() == {
        "any": [
            {"cron": "0 9 * * *", "timezone": "UTC", "dst": "once"},
            {"recurrence": {"frequency": "day", "interval": 1, "count": 3}},
        ],
        "timezone": "Europe/Berlin",
        "dst": "skip",
        "start": "2026-11-30T23:00:00Z",
        "end": "2026-12-23T23:00:00Z",
        "jitter": 2.0,
    }


_BOUNDS = {
    "start": st.sampled_from(["2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"]),
    "end": st.sampled_from(["2199-11-01T00:00:00Z", "2199-12-01T00:00:00Z"]),
    "timezone": st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]),
    "dst": st.sampled_from(["once", "skip", "both"]),
    "count": st.integers(1, 20),
}
_RULES = st.sampled_from(
    [
        {"cron": "*/30 2 * * *"},
        {"cron": "30 2 * * *"},
        {"cron": "0 0 1 * *"},
        {"interval": {"hours": 7}},
        {"recurrence": {"frequency": "day", "schedule": {"hours": [0, 2]}}},
        {"recurrence": {"frequency": "hour", "interval": 7}},
        {"recurrence": {"frequency": "week", "interval": 2}},
    ]
)
_INNER = st.builds(
    lambda rule, bounds: {**rule, **bounds},
    _RULES,
    st.fixed_dictionaries({}, optional=_BOUNDS),
).filter(lambda inner: not ("recurrence" in inner and "count" in inner and "end" in inner))
_SAID = st.builds(
    lambda inner, bounds: {"any": inner, **bounds},
    st.lists(_INNER, min_size=1, max_size=4),
    st.fixed_dictionaries({}, optional=_BOUNDS),
)


@settings(deadline=None, max_examples=100)
@given(said=_SAID)
def test_the_canonical_and_the_stored_form_are_the_same_trigger(said: dict[str, object]) -> None:
    trigger = made(said)

    assert parse(trigger.to_json(), created_us=NOW) == trigger
    assert restore(trigger.stored()) == trigger
    assert moments(trigger.to_json(), 30) == moments(said, 30)


@settings(deadline=None, max_examples=60)
@given(said=_SAID)
def test_the_moments_are_those_of_the_inner_triggers_together(said: dict[str, object]) -> None:
    trigger = made({name: value for name, value in said.items() if name != "count"})
    end = instant("2027-05-01")

    together = {moment for inner in trigger.triggers for moment in inner.moments(NOW, end - 1)}

    assert list(trigger.moments(NOW, end - 1)) == sorted(together)
    assert trigger.count_between(NOW + 1, end).total == len(together)
    assert trigger.newest_between(NOW + 1, end, 5) == sorted(together)[-5:]
    assert _listed_by_next(trigger.next_after, end) == sorted(together)


def _listed_by_next(next_after: object, end: int) -> list[int]:
    assert callable(next_after)
    found = []
    moment = next_after(NOW)
    while moment is not None and moment < end:
        found.append(moment)
        moment = next_after(moment)
    return found


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"any": [DAILY]}, "Every day at 09:00"),
        ({"any": [DAILY, MONDAYS], "count": 10}, "or every Monday at 18:00; 10 times in all"),
        (
            {"any": [{**DAILY, "count": 2}, {**MONDAYS, "timezone": "Europe/Berlin"}]},
            "Every day at 09:00, 2 times; or every Monday at 18:00 (Europe/Berlin)",
        ),
        (
            {"any": [DAILY, {**MONDAYS, "end": "2028-01-01"}], "end": "2027-01-01"},
            (
                "Every day at 09:00, until 2027-01-01 00:00;"
                " or every Monday at 18:00, until 2028-01-01 00:00"
            ),
        ),
        ({"any": [DAILY, {"cron": "0 9 * * 1-5"}]}, "; or Monday to Friday at 09:00"),
    ],
)
def test_several_are_told_one_after_the_other(said: Mapping[str, object], words: str) -> None:
    assert words in describe(made(said))


def test_what_comes_within_a_second_of_another_is_warned_of() -> None:
    near = {"any": [{"at": "2026-11-22T09:00:00.4Z"}, DAILY]}
    apart = {"any": [{"at": "2026-11-22T09:00:30.4Z"}, DAILY]}
    fast = {"any": [DAILY, {"interval": {"seconds": 0.5}}]}

    assert [warning.rule for warning in made(near).warnings()] == ["more_than_once_a_second"]
    assert made(apart).warnings() == []
    assert [warning.rule for warning in made(fast).warnings()] == ["more_than_once_a_second"]


def test_warnings_of_inner_triggers_are_told_once() -> None:
    said = {"any": [{"cron": "0 0 13 * fri"}, {"cron": "0 1 13 * fri"}]}

    assert [warning.rule for warning in made(said).warnings()] == ["day_or_weekday"]


def test_notes_and_omissions_are_those_of_the_inner_triggers() -> None:
    said = {
        "any": [{"cron": "30 2 * * *", "dst": "skip"}, {"cron": "30 2 * * *", "dst": "once"},
                {"cron": "15 2 * * *", "dst": "skip"}],
        "timezone": "Europe/Berlin",
    }  # fmt: skip
    trigger = made(said)
    gap = instant("2027-03-28T01:00")

    omissions = list(trigger.omissions(gap - MINUTE, gap + MINUTE))

    assert trigger.may_omit
    assert [omission.date for omission in omissions] == ["2027-03-28", "2027-03-28"]
    assert len({omission.at_us for omission in omissions} | {gap}) == 3
    assert "02:30 does not exist" in str(trigger.note(gap))
    assert trigger.note(instant("2027-03-29T00:30")) is None


def test_intervals_inside_go_on_when_the_clock_falls_back() -> None:
    trigger = made({"any": [{"interval": {"minutes": 10}}, DAILY]})
    last, now = NOW + 60 * MINUTE, NOW

    after = trigger.stretched_back(NOW + 70 * MINUTE, last, now)

    assert after.next_after(now) == now + 10 * MINUTE - 1
    assert made({"any": [DAILY]}).stretched_back(last, last, now) == made({"any": [DAILY]})


def _slow_inputs() -> list[dict[str, object]]:
    crons: list[dict[str, object]] = [
        {"cron": "* * * * * *", "end": f"20{year}-01-01"} for year in range(30, 50)
    ]
    minutes: list[dict[str, object]] = [{"cron": f"{minute} 0 29 2 *"} for minute in range(20)]
    return [
        {"any": crons, "count": 500},
        {"any": minutes, "count": 500},
        {"any": [{"interval": {"seconds": 0.1}, "count": 2**53}] * 20, "count": 500},
        {"any": [{"cron": f"{minute} * * * *", "count": 2**53} for minute in range(20)]},
        {"any": [{f"x{number}": 1 for number in range(40)}] * 8},
    ]


@pytest.mark.parametrize("said", _slow_inputs())
def test_an_absurd_input_is_answered_soon(said: Mapping[str, object]) -> None:
    fastest = timedelta.max
    for _ in range(3):
        begun = perf_counter()
        with suppress(InvalidInput):
            made(said)
        fastest = min(fastest, timedelta(seconds=perf_counter() - begun))

    assert fastest < timedelta(milliseconds=250)
