"""Offsets of zones, against zoneinfo; and zones without a system's files."""

import copy
import pickle
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from jobsched.triggers.timeline import CYCLE, Segment, timeline
from jobsched.triggers.zones import zone

FIRST = int(datetime(1900, 1, 1, tzinfo=UTC).timestamp())


def offset(name: str, second: int) -> int:
    area = zone(name)
    assert area is not None
    found = datetime.fromtimestamp(second, area).utcoffset()
    assert found is not None
    return int(found.total_seconds())


def segments(name: str, first: int, end: int) -> Iterator[Segment]:
    second = first
    while second < end:
        segment = timeline(name).segment(second)
        yield segment
        second = segment.end


@pytest.mark.parametrize(
    "name", ["Europe/Berlin", "Africa/Casablanca", "Pacific/Apia", "Asia/Gaza", "Africa/Freetown"]
)
def test_segments_begin_and_end_where_zoneinfo_changes(name: str) -> None:
    found = list(segments(name, FIRST, FIRST + 250 * 366 * 86_400))

    for segment in found:
        assert segment.offset == offset(name, segment.start) == offset(name, segment.end - 1)
        assert segment.before == offset(name, segment.start - 1)
    assert sum(each.before != each.offset for each in found) > 5


def test_a_segment_is_never_cut_near_a_change() -> None:
    """In Santiago clocks changed within the hour after a chunk of the table begins."""
    fold = 100_666_800
    assert offset("America/Santiago", fold) == offset("America/Santiago", fold - 1) - 3600

    before, after = (timeline("America/Santiago").segment(fold + gap) for gap in (-3599, 0))

    assert before.end == fold == after.start
    assert after.before == before.offset


def test_a_time_in_thousands_of_years_has_the_offsets_of_its_cycle() -> None:
    spring = int(datetime(2126, 3, 31, 1, tzinfo=UTC).timestamp())

    found = timeline("Europe/Berlin").segment(spring + 15 * CYCLE)

    assert (found.start, found.before, found.offset) == (spring + 15 * CYCLE, 3600, 7200)


def test_before_clocks_were_set_by_law_there_is_one_offset() -> None:
    found = timeline("Europe/Berlin").segment(-62_135_000_000)

    assert found.offset == found.before == offset("Europe/Berlin", -5_400_000_000)


@pytest.mark.parametrize(
    ("name", "gaps"),
    [
        ("UTC", set()),
        ("Europe/Berlin", {(2 * 3600, 3600)}),
        ("Australia/Lord_Howe", {(2 * 3600, 1800)}),
        ("Africa/Cairo", {(0, 3600)}),
        ("Pacific/Apia", set()),
    ],
)
def test_the_gaps_of_a_zone_are_those_still_to_come(name: str, gaps: set[object]) -> None:
    assert timeline(name).gaps() == gaps


def test_copies_are_the_one_timeline() -> None:
    found = timeline("Europe/Berlin")

    assert copy.deepcopy(found) is pickle.loads(pickle.dumps(found)) is found  # noqa: S301


def test_an_unknown_zone_has_none() -> None:
    with pytest.raises(ValueError, match=r"There is no time zone Mars/Phobos\."):
        timeline("Mars/Phobos")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Europe",
        "../etc/passwd",
        "/etc/localtime",
        "right/Europe/Berlin",
        "posix/UTC",
        "localtime",
        "posixrules",
        "x" * 65,
        "Europe/Berlin\0",
    ],
)
def test_what_is_no_iana_name_is_no_zone(name: str) -> None:
    assert zone(name) is None


@pytest.fixture
def bare_machine() -> Iterator[None]:
    """A machine whose system has no zone files."""
    path = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=())
    zoneinfo.ZoneInfo.clear_cache()
    zone.cache_clear()
    yield
    zoneinfo.reset_tzpath(to=path)
    zoneinfo.ZoneInfo.clear_cache()
    zone.cache_clear()


@pytest.mark.usefixtures("bare_machine")
def test_zones_are_there_on_a_bare_machine() -> None:
    assert zoneinfo.TZPATH == ()

    assert offset("Europe/Berlin", 1_782_000_000) == 7200
    assert zone("America/Argentina/Buenos_Aires") is not None
    assert zone("Europe") is None
    assert zone("Mars/Phobos") is None
