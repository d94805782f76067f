"""What a recurrence must not say, and how it is told so."""

from collections.abc import Mapping
from time import perf_counter

import pytest

from jobsched.errors import InvalidInput
from jobsched.triggers import restore
from tests.unit.triggers.recurrences import NOW, made, moments, recurrence, refused


@pytest.mark.parametrize(
    ("frequency", "most"),
    [("minute", 1000), ("hour", 1000), ("day", 548), ("week", 78), ("month", 18)],
)
def test_the_interval_has_the_limits_of_azure(frequency: str, most: int) -> None:
    assert made(recurrence(frequency=frequency, interval=most)).first(NOW) == NOW
    for wrong in (most + 1, 0, -1, 1.5, True, "1"):
        said = recurrence(frequency=frequency, interval=wrong)
        assert refused(said) == {"recurrence.interval": "range"}


@pytest.mark.parametrize("frequency", ["Month", "MONTH", "month"])
def test_a_frequency_is_taken_in_any_case_and_told_in_lower_case(frequency: str) -> None:
    said = made(recurrence(frequency=frequency)).to_json()["recurrence"]

    assert said == {"frequency": "month", "interval": 1}


@pytest.mark.parametrize(
    ("frequency", "words"),
    [
        ("year", "use month with an interval of 12"),
        ("second", "must be one of minute, hour, day, week, month"),
        (7, "must be one of minute, hour, day, week, month"),
        (None, "must be one of minute, hour, day, week, month"),
    ],
)
def test_other_frequencies_are_refused_with_the_way_out(frequency: object, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        made(recurrence(frequency=frequency))


@pytest.mark.parametrize(
    ("frequency", "schedule", "field", "rule"),
    [
        ("day", [], "", "type"),
        ("day", {"minutes": 60}, ".minutes", "range"),
        ("day", {"minutes": [0, -1]}, ".minutes", "range"),
        ("day", {"minutes": []}, ".minutes", "range"),
        ("day", {"hours": 24}, ".hours", "range"),
        ("day", {"hours": [True]}, ".hours", "range"),
        ("day", {"hours": "9"}, ".hours", "range"),
        ("day", {"hours": [0] * 200_000}, ".hours", "range"),
        ("week", {"weekDays": ["moonday"]}, ".weekDays", "range"),
        ("week", {"weekDays": [1]}, ".weekDays", "range"),
        ("day", {"weekDays": ["monday"]}, ".weekDays", "one_of"),
        ("week", {"monthDays": [1]}, ".monthDays", "one_of"),
        ("hour", {"monthlyOccurrences": [{"day": "friday"}]}, ".monthlyOccurrences", "one_of"),
        ("month", {"monthDays": [0]}, ".monthDays", "range"),
        ("month", {"monthDays": 32}, ".monthDays", "range"),
        ("month", {"monthDays": -32}, ".monthDays", "range"),
        ("month", {"months": [1]}, ".months", "unknown"),
        ("month", {"minute": [1]}, ".minute", "unknown"),
        ("month", {"monthlyOccurrences": {}}, ".monthlyOccurrences", "type"),
        ("month", {"monthlyOccurrences": []}, ".monthlyOccurrences", "type"),
        ("month", {"monthlyOccurrences": [1]}, ".monthlyOccurrences[0]", "type"),
        (
            "month",
            {"monthlyOccurrences": [{"day": "fri"}, {"occurrence": 1}]},
            ".monthlyOccurrences[1].day",
            "choice",
        ),
        (
            "month",
            {"monthlyOccurrences": [{"day": "fri", "occurrence": 6}]},
            ".monthlyOccurrences[0].occurrence",
            "range",
        ),
        (
            "month",
            {"monthlyOccurrences": [{"day": "fri", "occurence": 1}]},
            ".monthlyOccurrences[0].occurence",
            "unknown",
        ),
    ],
)
def test_a_schedule_that_is_none_is_refused(
    frequency: str, schedule: object, field: str, rule: str
) -> None:
    said = recurrence(frequency=frequency, schedule=schedule)

    assert refused(said) == {f"recurrence.schedule{field}": rule}


def test_one_value_stands_for_a_list_of_one_and_repetitions_for_one() -> None:
    single = recurrence(frequency="week", schedule={"weekDays": "Mon", "hours": 9, "minutes": 0})
    several = recurrence(
        frequency="week",
        schedule={"weekDays": ["monday", "MONDAY"], "hours": [9, 9], "minutes": [0]},
    )

    assert made(single) == made(several)


def test_null_is_the_same_as_nothing() -> None:
    said = recurrence(frequency="day", schedule=None, count=None, endTime=None, interval=None)

    assert made({**said, "startTime": None}) == made(recurrence(frequency="day"))


@pytest.mark.parametrize(
    ("beside", "refusals"),
    [
        ({"count": 3}, {"count": "repeated"}),
        ({"end": "2027-01-01"}, {"recurrence.endTime": "one_of"}),
        ({"start": "2027-01-01", "startTime": "2027-01-01"}, {"start": "repeated"}),
    ],
)
def test_the_same_thing_is_said_once(
    beside: Mapping[str, object], refusals: Mapping[str, str]
) -> None:
    assert refused({**recurrence(frequency="day", count=3), **beside}) == refusals


def test_an_end_is_said_once_and_excludes_a_count() -> None:
    said = recurrence(frequency="day", endTime="2027-01-01")

    assert refused({**said, "end": "2027-01-01"}) == {"end": "repeated"}
    assert refused({**said, "count": 3}) == {"recurrence.endTime": "one_of"}


def test_an_end_in_the_past_or_before_the_start_is_refused_where_it_is_said() -> None:
    assert refused(recurrence(frequency="day", endTime="2026-01-01")) == {
        "recurrence.endTime": "past"
    }
    assert refused({**recurrence(frequency="day"), "end": "2026-01-01"}) == {"end": "past"}
    assert refused(
        recurrence(frequency="day", endTime="2026-12-01", startTime="2026-12-02")
    ) == {"recurrence.endTime": "order"}  # fmt: skip


def test_all_mistakes_are_named_at_once() -> None:
    said = {
        "recurrence": {"frequency": "dayly", "intervall": 2, "count": 0, "startTime": "x"},
        "startTime": "tomorrow",
        "timezone": "Mars",
        "jitter": -1,
    }

    assert refused(said) == {
        "recurrence.frequency": "choice",
        "recurrence.intervall": "unknown",
        "recurrence.startTime": "unknown",
        "recurrence.count": "range",
        "startTime": "time",
        "timezone": "timezone",
        "jitter": "range",
    }


@pytest.mark.parametrize("value", [None, 5, "day", []])
def test_what_is_no_object_is_no_recurrence(value: object) -> None:
    assert refused({"recurrence": value}) == {"recurrence": "type"}


@pytest.mark.parametrize(
    "said",
    [
        recurrence(frequency="month", interval=12, startTime="2027-02-01",
                   schedule={"monthDays": 31}),
        recurrence(frequency="minute", interval=1000, schedule={"hours": 3, "minutes": 7}),
        recurrence(frequency="minute", interval=40, startTime="2027-02-01",
                   schedule={"hours": 3, "minutes": 5}, timezone="Africa/Casablanca"),
        recurrence(frequency="hour", interval=2, startTime="2027-02-01", schedule={"hours": 3}),
    ],
)  # fmt: skip
def test_what_can_never_fire_is_refused_soon(said: Mapping[str, object]) -> None:
    taken = []

    for _ in range(3):
        begun = perf_counter()
        assert refused(said) == {"recurrence": "never"}
        taken.append(perf_counter() - begun)

    assert min(taken) < 1


def test_one_moment_at_once_needs_no_rule_that_goes_on() -> None:
    said = recurrence(frequency="minute", interval=1000, count=1, schedule={"minutes": 7})

    assert moments(said) == [NOW]


def test_an_end_that_leaves_nothing_is_named() -> None:
    said = recurrence(frequency="month", interval=6, startTime="2026-12-31",
                      endTime="2026-12-31T12:00:00", schedule={"monthDays": 30})  # fmt: skip

    assert refused(said) == {"recurrence.endTime": "never"}


def test_start_time_belongs_to_a_recurrence() -> None:
    said = {"interval": {"days": 1}, "startTime": "2027-01-01"}

    assert refused(said) == {"startTime": "one_of"}
    with pytest.raises(InvalidInput, match="for interval it is start"):
        made(said)


def test_a_stored_recurrence_needs_to_know_where_it_begins() -> None:
    with pytest.raises(InvalidInput, match="needs its start or creation"):
        restore(recurrence(frequency="day"))
