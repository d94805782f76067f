"""Events of .ics files: what they close, repeated or not, and what is refused."""

import pickle
import sys
from pathlib import Path

import pytest

from jobsched.calendars import Calendar, load
from jobsched.calendars.named import NamedCalendar
from tests.unit.calendars.test_reading import closed_days, mistakes, ordinal, written

DAY, HOUR = 86_400, 3600
CONFIGURED = "company: {ics: days.ics}"
ALL_DAY = "DTSTART;VALUE=DATE:"


def ics(folder: Path, *events: str, name: str = "days.ics") -> Path:
    """Write an .ics file; each event is its lines, parted by spaces and |."""
    rows = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:test"]
    for event in events:
        rows += ["BEGIN:VEVENT", *event.split("|"), "END:VEVENT"]
    path = folder / name
    path.write_text("\r\n".join([*rows, "END:VCALENDAR", ""]), encoding="utf-8")
    return path


def read(folder: Path, *events: str) -> NamedCalendar:
    ics(folder, *events)
    calendar = load(written(folder, CONFIGURED))["company"]
    assert isinstance(calendar, NamedCalendar)
    return calendar


def closed(calendar: Calendar, day: str) -> tuple[tuple[int, int], ...]:
    return calendar.closed(ordinal(day))


def test_an_all_day_event_ends_before_its_end(tmp_path: Path) -> None:
    company = read(
        tmp_path,
        f"{ALL_DAY}20261224|DTEND;VALUE=DATE:20261227|SUMMARY:Christmas",
        f"{ALL_DAY}20261231|SUMMARY:Silvester",
        f"{ALL_DAY}20270106|DTEND;VALUE=DATE:20270106",
    )

    found = closed_days(company, "2026-12-01", "2027-12-31")

    assert found == ["2026-12-24", "2026-12-25", "2026-12-26", "2026-12-31", "2027-01-06"]
    assert company.reason(ordinal("2026-12-26"), 0) == "Christmas"
    assert company.reason(ordinal("2027-01-06"), 0) == "an event"


def test_a_yearly_event_closes_its_day_in_every_year(tmp_path: Path) -> None:
    company = read(tmp_path, f"{ALL_DAY}20001225|RRULE:FREQ=YEARLY|SUMMARY:Christmas Day")

    assert closed_days(company, "2098-01-01", "2099-12-31") == ["2098-12-25", "2099-12-25"]
    assert closed_days(company, "2026-01-01", "2026-12-31") == ["2026-12-25"]
    assert closed_days(company, "1999-01-01", "1999-12-31") == []


def test_repetitions_that_are_left_out_moved_or_added_are(tmp_path: Path) -> None:
    company = read(
        tmp_path,
        f"UID:a|{ALL_DAY}20260105|RRULE:FREQ=WEEKLY;UNTIL=20260202"
        "|EXDATE;VALUE=DATE:20260112|RDATE;VALUE=DATE:20260301,20260401|RDATE;VALUE=DATE:20350501",
        f"UID:a|RECURRENCE-ID;VALUE=DATE:20260119|{ALL_DAY}20260120",
        f"UID:a|RECURRENCE-ID;VALUE=DATE:20260126|{ALL_DAY}20260126|STATUS:CANCELLED",
    )

    found = closed_days(company, "2026-01-01", "2035-12-31")

    assert found == [
        "2026-01-05", "2026-01-20", "2026-02-02", "2026-03-01", "2026-04-01", "2035-05-01",
    ]  # fmt: skip


def test_cancelled_events_are_open_and_those_shown_as_free_are_closed(tmp_path: Path) -> None:
    company = read(
        tmp_path,
        f"{ALL_DAY}20261224|STATUS:CANCELLED",
        f"{ALL_DAY}20261225|TRANSP:TRANSPARENT",
    )

    assert closed_days(company, "2026-12-01", "2026-12-31") == ["2026-12-25"]


def test_times_without_a_zone_are_local_wherever_they_are_asked_for(tmp_path: Path) -> None:
    company = read(tmp_path, "DTSTART:20260605T180000|DTEND:20260606T060000")

    for calendar in (company, company.in_zone("Asia/Tokyo")):
        assert closed(calendar, "2026-06-05") == ((18 * HOUR, DAY),)
        assert closed(calendar, "2026-06-06") == ((0, 6 * HOUR),)


@pytest.mark.parametrize(
    "start", ["DTSTART:20260605T160000Z", "DTSTART;TZID=Europe/Berlin:20260605T180000"]
)
def test_times_with_a_zone_close_what_other_clocks_show_then(tmp_path: Path, start: str) -> None:
    company = read(tmp_path, f"{start}|DURATION:PT2H")

    assert closed(company.in_zone("Europe/Berlin"), "2026-06-05") == ((18 * HOUR, 20 * HOUR),)
    assert closed(company.in_zone("Asia/Tokyo"), "2026-06-06") == ((HOUR, 3 * HOUR),)
    assert company.in_zone("Asia/Tokyo") is company.in_zone("Asia/Tokyo")


def test_a_repeated_time_follows_the_clock_of_its_own_zone(tmp_path: Path) -> None:
    company = read(
        tmp_path,
        "DTSTART;TZID=Europe/Berlin:20260327T180000|DTEND;TZID=Europe/Berlin:20260327T190000"
        "|RRULE:FREQ=DAILY;UNTIL=20260329T160000Z",
    ).in_zone("UTC")

    assert closed(company, "2026-03-28") == ((17 * HOUR, 18 * HOUR),)
    assert closed(company, "2026-03-29") == ((16 * HOUR, 17 * HOUR),)
    assert closed(company, "2026-03-30") == ()


OWN_ZONE = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:test
BEGIN:VTIMEZONE
TZID:My Zone
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:+0300
TZOFFSETTO:+0300
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
SUMMARY:x
DTSTART;TZID=My Zone:20260605T180000
DURATION:PT2H
END:VEVENT
END:VCALENDAR
"""


def test_a_zone_of_the_file_itself_is_known_for_single_events_only(tmp_path: Path) -> None:
    path = tmp_path / "days.ics"
    path.write_text(OWN_ZONE, encoding="utf-8", newline="\r\n")
    calendar = load(written(tmp_path, CONFIGURED))["company"]
    assert isinstance(calendar, NamedCalendar)
    repeated = OWN_ZONE.replace("DURATION", "RRULE:FREQ=DAILY\nDURATION")
    path.write_text(repeated, encoding="utf-8", newline="\r\n")

    found = mistakes(tmp_path, CONFIGURED)

    assert closed(calendar.in_zone("UTC"), "2026-06-05") == ((15 * HOUR, 17 * HOUR),)
    assert "repeats in the zone 'My Zone', which is none of the IANA database" in found[0]


def test_an_event_in_the_hour_that_comes_twice_closes_something(tmp_path: Path) -> None:
    company = read(tmp_path, "DTSTART:20261025T004500Z|DTEND:20261025T011500Z")

    assert closed(company.in_zone("Europe/Berlin"), "2026-10-25") == ((9900, 11700),)


def test_equal_files_are_equal_calendars_also_after_a_journey(tmp_path: Path) -> None:
    event = f"{ALL_DAY}20261224|RRULE:FREQ=YEARLY"
    one, other = read(tmp_path, event), read(tmp_path, event)
    one.closed(ordinal("2030-12-24"))

    travelled = pickle.loads(pickle.dumps(one))  # noqa: S301 - our own

    assert one == other == travelled
    assert one != read(tmp_path, f"{ALL_DAY}20261224")
    assert closed(travelled, "2030-12-24") == ((0, DAY),)


def test_a_file_may_lie_anywhere_if_its_path_is_absolute(tmp_path: Path) -> None:
    elsewhere, conf = tmp_path / "elsewhere", tmp_path / "conf"
    elsewhere.mkdir()
    (conf / "sub").mkdir(parents=True)
    path = ics(elsewhere, f"{ALL_DAY}20261224")
    ics(conf / "sub", f"{ALL_DAY}20261224")

    away = load(written(conf, f"company: {{ics: {path}}}"))["company"]
    below = load(written(conf, "company: {ics: sub/days.ics}"))["company"]

    assert closed(away, "2026-12-24") == closed(below, "2026-12-24") == ((0, DAY),)
    assert "must not leave the folder" in mistakes(conf, "a: {ics: ../elsewhere/days.ics}")[0]


REFUSED = {
    "SUMMARY:x": "event 'x': DTSTART is missing",
    "SUMMARY:x|DTSTART:2026x": "event 'x': DTSTART: ",
    "DTSTART:20260605T180000|UID:u|SUMMARY:x|DTEND:20260605T170000": (
        "event 'x': must end after it begins, and within a year"
    ),
    f"SUMMARY:x|{ALL_DAY}20260101|DTEND;VALUE=DATE:20290101": "event 'x': must end after",
    f"SUMMARY:x|{ALL_DAY}20260101|RRULE:FREQ=HOURLY": "event 'x': may only repeat DAILY, WEEKLY",
    f"SUMMARY:x|{ALL_DAY}20260101|RRULE:FREQ=DAILY|RRULE:FREQ=WEEKLY": "has more than one RRULE",
    f"SUMMARY:x|{ALL_DAY}20260101|RRULE:FREQ=DAILY;INTERVAL=0": "INTERVAL must be 1 or more",
    f"SUMMARY:x|{ALL_DAY}20260101|RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30": "never happens",
    "SUMMARY:x|DTSTART;TZID=No Zone:20260605T180000|DURATION:PT1H": (
        "event 'x': its zone 'No Zone' is unknown"
    ),
    "SUMMARY:x|DTSTART:20260605T180000": "has no event that closes anything",
    f"{ALL_DAY}20260101|STATUS:CANCELLED": "has no event that closes anything",
}


@pytest.mark.parametrize("event", REFUSED)
def test_a_broken_event_is_named(tmp_path: Path, event: str) -> None:
    path = ics(tmp_path, event)

    found = mistakes(tmp_path, CONFIGURED)

    assert len(found) == 1
    assert found[0].startswith(f"calendars.yaml:1: company.ics: {path.name}")
    assert REFUSED[event] in found[0]


def test_a_file_that_is_no_calendar_or_is_not_there_is_refused(tmp_path: Path) -> None:
    missing = mistakes(tmp_path, CONFIGURED)
    (tmp_path / "days.ics").write_text("BEGIN:VCALENDAR\nhello", encoding="utf-8")
    broken = mistakes(tmp_path, CONFIGURED)
    (tmp_path / "days.ics").write_bytes(b"\xff\x00")
    binary = mistakes(tmp_path, CONFIGURED)

    assert missing[0].endswith("days.ics cannot be read: No such file or directory")
    assert "days.ics is not a valid .ics file" in broken[0]
    assert "days.ics is not a valid .ics file" in binary[0]


def test_a_file_that_everybody_may_write_is_refused(tmp_path: Path) -> None:
    ics(tmp_path, f"{ALL_DAY}20261224").chmod(0o666)

    found = mistakes(tmp_path, CONFIGURED)

    assert any("days.ics: is writable by everybody" in line for line in found)


def test_without_the_package_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ics(tmp_path, f"{ALL_DAY}20261224")
    monkeypatch.setitem(sys.modules, "icalendar", None)

    found = mistakes(tmp_path, CONFIGURED)

    advice = "needs the package icalendar: pip install 'jobsched[icalendar]'"
    assert found == [f"calendars.yaml:1: company.ics: {advice}"]
