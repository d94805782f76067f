"""Each key of calendars.yaml: what it closes, and what is refused."""

import pickle
from datetime import date
from pathlib import Path

import pytest

from jobsched.calendars import NO_CALENDARS, Calendar, load, reading
from jobsched.errors import ConfigurationError

DAY = 86_400
HOUR = 3600


def read(folder: Path, text: str) -> Calendar:
    """Return the one calendar of a calendars.yaml with *text* as its ``company``."""
    return load(written(folder, f"company: {text}\n"))["company"]


def written(folder: Path, text: str) -> Path:
    (folder / "calendars.yaml").write_text(text, encoding="utf-8")
    return folder


def mistakes(folder: Path, text: str) -> list[str]:
    """Return what is wrong with a calendars.yaml of *text*, without the folder."""
    return refusal(written(folder, text)).replace(f"{folder}/", "").splitlines()


def refusal(folder: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(folder)
    return caught.value.detail


def closed_days(calendar: Calendar, first: str, last: str) -> list[str]:
    days = range(ordinal(first), ordinal(last) + 1)
    return [str(date.fromordinal(day)) for day in days if calendar.closed(day) == ((0, DAY),)]


def ordinal(text: str) -> int:
    return date.fromisoformat(text).toordinal()


@pytest.mark.parametrize("text", [None, "", "# nothing yet\n"])
def test_without_calendars_there_are_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        written(tmp_path, text)

    assert load(tmp_path) == NO_CALENDARS


def test_dates_are_whole_days(tmp_path: Path) -> None:
    company = read(tmp_path, "{dates: [2026-12-24, '2026-12-31']}")

    found = closed_days(company, "2026-12-01", "2027-12-31")

    assert found == ["2026-12-24", "2026-12-31"]
    assert company.reason(ordinal("2026-12-24"), 0) == "a listed date"


def test_both_ends_of_a_range_are_closed(tmp_path: Path) -> None:
    company = read(
        tmp_path,
        "{ranges: [{from: 2026-12-30, to: 2027-01-02}, {from: 2026-08-03, to: 2026-08-03}]}",
    )

    found = closed_days(company, "2026-01-01", "2027-12-31")

    assert found == ["2026-08-03", "2026-12-30", "2026-12-31", "2027-01-01", "2027-01-02"]
    assert company.reason(ordinal("2027-01-01"), 7) == "2026-12-30 to 2027-01-02"


def test_weekdays_are_closed_every_week_under_all_their_names(tmp_path: Path) -> None:
    company = read(tmp_path, "{weekly: [{days: [Sat, sunday]}]}")

    found = closed_days(company, "2026-12-28", "2027-01-10")

    assert found == ["2027-01-02", "2027-01-03", "2027-01-09", "2027-01-10"]
    assert company.reason(ordinal("2027-01-03"), 0) == "every Sunday"


@pytest.mark.parametrize("times", ['from: "18:00", to: "24:00"', "from: 18:00, to: 24:00"])
def test_a_window_ends_before_its_second_time_quoted_or_not(tmp_path: Path, times: str) -> None:
    windows = f"{{days: [fri], {times}}}, {{days: [fri], to: '6:30:15'}}"
    company = read(tmp_path, f"{{weekly: [{windows}]}}")
    friday = ordinal("2026-11-20")

    assert company.closed(friday) == ((0, 6 * HOUR + 1815), (18 * HOUR, DAY))
    assert company.closed(friday + 1) == ()
    assert company.reason(friday, 18 * HOUR) == "every Friday 18:00 to 24:00"
    assert company.reason(friday, 5) == "every Friday 00:00 to 06:30:15"


def test_what_overlaps_or_touches_is_one_window(tmp_path: Path) -> None:
    windows = [("1:00", "2:00"), ("2:00", "3:00"), ("2:30", "4:00"), ("5:00", "6:00")]
    rows = [f"{{days: [mon], from: {start}, to: {end}}}" for start, end in windows]
    company = read(tmp_path, f"{{dates: [2026-11-30], weekly: [{', '.join(rows)}]}}")

    assert company.closed(ordinal("2026-11-23")) == ((HOUR, 4 * HOUR), (5 * HOUR, 6 * HOUR))
    assert company.closed(ordinal("2026-11-30")) == ((0, DAY),)


def test_words_that_yaml_takes_for_something_else_are_words(tmp_path: Path) -> None:
    calendars = load(written(tmp_path, "NO: {dates: [2026-12-24]}\n7: {dates: [2026-12-24]}\n"))

    assert sorted(calendars) == ["7", "NO"]


def test_equal_calendars_are_equal_also_after_a_journey(tmp_path: Path) -> None:
    ranges = "[{from: 2026-01-01, to: 2026-01-09}]"
    text = f"{{dates: [2026-12-24], weekly: [{{days: [sat]}}], ranges: {ranges}}}"
    one, other = read(tmp_path, text), read(tmp_path, text)
    one.closed(ordinal("2026-12-24"))

    travelled = pickle.loads(pickle.dumps(one))  # noqa: S301 - our own

    assert one == other == travelled
    assert hash(one) == hash(other)
    assert one != read(tmp_path, text.replace("2026-12-24", "2026-12-23"))
    assert travelled.closed(ordinal("2026-12-24")) == ((0, DAY),)


def test_days_that_were_forgotten_are_looked_up_again(tmp_path: Path) -> None:
    company = read(tmp_path, "{dates: [2026-12-24]}")
    eve = ordinal("2026-12-24")

    found = [company.closed(day) for day in range(eve - 30_000, eve + 30_000)]

    assert found.count(((0, DAY),)) == 1
    assert company.closed(eve) == ((0, DAY),)


REFUSED = {
    "dates: 2026-12-24": "dates: must be a list such as [2026-12-24]",
    "dates: [24.12.2026]": "dates[0]: '24.12.2026' is no date; it must be written like 2026-12-24",
    "dates: [2026-12-24, 2026-02-30]": "dates[1]: '2026-02-30' is no date;",
    "dates: [[2026-12-24]]": "dates[0]: must be written like 2026-12-24",
    "dates: [~x, '']": "dates[1]: must be written like 2026-12-24",
    "datse: [2026-12-24]": "datse: there is no such key. Did you mean dates?",
    "ranges: [{from: 2026-08-03}]": "ranges[0]: 'to' is missing",
    "ranges: [{to: 2026-08-03}]": "ranges[0]: 'from' is missing",
    "ranges: [{from: 2026-08-14, to: 2026-08-03}]": "ranges[0]: ends before it begins",
    "ranges: [{from: 2026-8-3, to: 2026-08-03}]": "ranges[0].from: '2026-8-3' is no date",
    "ranges: [{form: 2026-08-03}]": "ranges[0].form: there is no such key. Did you mean from?",
    "ranges: [2026-08-03]": "ranges[0]: must be a mapping such as {from: 2026-08-03,",
    "weekly: {days: [sat]}": "weekly: must be a list such as",
    "weekly: [sat]": "weekly[0]: must be a mapping such as",
    "weekly: [{from: '18:00'}]": "weekly[0]: 'days' is missing",
    "weekly: [{days: sat}]": "weekly[0].days: must be a list such as [sat, sun]",
    "weekly: [{days: []}]": "weekly[0].days: names no day",
    "weekly: [{days: [sat]}, {days: [firday]}]": (
        "weekly[1].days[0]: 'firday' is no day of the week (mon, tue, wed, thu, fri, sat, sun)."
        " Did you mean friday?"
    ),
    "weekly: [{days: [sat], from: 25:00}]": "weekly[0].from: '25:00' is no time of day",
    "weekly: [{days: [sat], from: '18:60'}]": "weekly[0].from: '18:60' is no time of day",
    "weekly: [{days: [sat], to: '24:01'}]": "weekly[0].to: '24:01' is no time of day",
    "weekly: [{days: [sat], to: 18}]": "weekly[0].to: '18' is no time of day",
    "weekly: [{days: [sat], from: '6:00', to: '6:00'}]": (
        "weekly[0]: begins and ends at the same time; leave out both for the whole day"
    ),
    "weekly: [{days: [sun], from: '22:00', to: '6:00'}]": (
        "weekly[0]: ends before it begins; past midnight it is written as two windows:"
        ' {days: [sun], from: "22:00", to: "24:00"} and {days: [mon], from: "00:00", to: "06:00"}'
    ),
    "weekly: [{days: [sat], untl: '6:00'}]": "weekly[0].untl: there is no such key.",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_broken_value_is_named_with_its_place_and_the_rule(tmp_path: Path, text: str) -> None:
    found = mistakes(tmp_path, f"company:\n  {text}\n")

    assert any(line.startswith(f"calendars.yaml:2: company.{REFUSED[text]}") for line in found)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = """
        company:
          dates: [2026-02-30]
          ranges:
          - {from: 2026-08-14, to: 2026-08-03}
          weekly: [{days: [foo, bar]}]
        'two words': {dates: [2026-01-01]}
    """

    found = mistakes(tmp_path, text)

    assert [line.split(": ")[1] for line in found] == [
        "company.dates[0]", "company.ranges[0]",
        "company.weekly[0].days[0]", "company.weekly[0].days[1]", "two words",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["{}", "{dates: []}", "{dates: [], ranges: [], weekly: []}"])
def test_a_calendar_that_excludes_nothing_is_refused(tmp_path: Path, text: str) -> None:
    found = mistakes(tmp_path, f"company: {text}")

    assert len(found) == 1
    assert found[0].startswith("calendars.yaml:1: company: excludes nothing;")


def test_what_stands_there_twice_is_refused(tmp_path: Path) -> None:
    days = "{dates: [2026-12-24]}"

    found = mistakes(tmp_path, f"one: {days}\ntwo: {{dates: [], dates: []}}\none: {days}\n")

    assert "calendars.yaml:3: one: stands there twice" in found
    assert "calendars.yaml:2: two.dates: stands there twice" in found


@pytest.mark.parametrize("text", ["- company", "company", "company:", "{? [a] : {}}"])
def test_a_file_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    found = mistakes(tmp_path, text)

    assert len(found) == 1
    assert "must be a" in found[0]


@pytest.mark.parametrize(
    ("text", "line"), [("a: {dates: [", 2), ("a: 1\n b: 2\n", 2), ("a: \x07", None)]
)
def test_what_is_no_yaml_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int | None
) -> None:
    found = mistakes(tmp_path, text)

    assert len(found) == 1
    assert found[0].startswith("calendars.yaml" + (f":{line}" if line else ""))
    assert "is not valid YAML" in found[0]


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "calendars.yaml").write_bytes(b"\xff\xfe\xff")
    undecodable = refusal(tmp_path)
    (tmp_path / "calendars.yaml").unlink()
    (tmp_path / "calendars.yaml").mkdir()
    folder = refusal(tmp_path)

    assert "calendars.yaml: cannot be read" in undecodable
    assert "calendars.yaml: cannot be read" in folder


def test_a_file_that_everybody_may_write_is_refused(tmp_path: Path) -> None:
    written(tmp_path, "company: {dates: [2026-12-24]}")
    (tmp_path / "calendars.yaml").chmod(0o666)

    found = refusal(tmp_path)

    assert "is writable by everybody" in found


def test_a_value_that_contains_itself_is_refused(tmp_path: Path) -> None:
    found = mistakes(tmp_path, "company: &me {dates: [*me], ranges: *me, weekly: [*me]}")

    assert len(found) > 2


def test_sizes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_CALENDARS", 2)
    monkeypatch.setattr(reading._Reader, "__init__", few_dates)
    three = mistakes(tmp_path, "".join(f"c{n}: {{dates: [2026-01-01]}}\n" for n in range(3)))
    long = mistakes(tmp_path, "a: {dates: [2026-01-01, 2026-01-02]}\nb: {dates: [2026-01-01]}\n")

    assert three == ["calendars.yaml:1: there are 3 calendars; 2 at most"]
    assert long[0].startswith("calendars.yaml:2: b.dates: all calendars together may have")


def few_dates(self: object, conf_dir: Path) -> None:
    self.conf_dir, self.left = conf_dir, 2  # type: ignore[attr-defined]


def test_a_hundred_thousand_dates_are_read(tmp_path: Path) -> None:
    first = ordinal("1800-01-01")
    dates = ", ".join(str(date.fromordinal(first + number)) for number in range(99_000))

    company = read(tmp_path, f"{{dates: [{dates}]}}")

    assert company.closed(first + 98_999) == ((0, DAY),)
    assert company.closed(first + 99_000) == ()
