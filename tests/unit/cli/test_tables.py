"""Tables and facts: aligned by what a terminal shows, with nothing that steers it."""

import pytest

from jobsched.cli import tables
from jobsched.cli.tables import Look

PLAIN = Look()


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("plain", 5),
        ("größe", 5),
        ("gro\u0308ße", 5),
        ("日本語", 6),
        ("ﾊﾝｶｸ", 4),
        ("\u200d", 0),
        ("🚀", 2),
    ],
)
def test_the_width_is_that_in_a_terminal(text: str, columns: int) -> None:
    assert tables.width(text) == columns


def test_text_is_on_the_left_and_numbers_are_on_the_right() -> None:
    lines = [*tables.table(["ID", "NAME"], [(1, "a"), (100, "long name"), (None, None)], PLAIN)]

    assert lines == [" ID  NAME", "  1  a", "100  long name", "  -  -"]


def test_a_table_of_nothing_is_its_head() -> None:
    assert [*tables.table(["ID", "NAME"], [], PLAIN)] == ["ID  NAME"]


def test_times_are_shown_as_asked_and_objects_as_json() -> None:
    row = ("2026-07-01T07:00:00.5Z", {"ä": [1, None]}, True, 0.5, 3_000_000.0)

    line = [*tables.table(["A", "B", "C", "D", "E"], [row], Look(utc=True))][1]

    assert line.split("  ") == [
        "2026-07-01 07:00:00Z",
        '{"ä": [1, null]}',
        "true",
        "0.5",
        "3000000",
    ]


def test_facts_leave_out_what_is_null() -> None:
    lines = [*tables.facts({"id": 1, "reason": None, "long name": ""}, PLAIN)]

    assert lines == ["id         1", "long name  -"]


def test_colours_are_outside_of_the_width() -> None:
    rows = [("failed", "x"), ("succeeded", "y")]

    lines = [*tables.table(["STATE", "N"], rows, Look(colour=True))]

    assert lines[1] == "\x1b[31mfailed\x1b[0m     x"
    assert lines[2] == "\x1b[32msucceeded\x1b[0m  y"


@pytest.mark.parametrize("text", ["\x1b[2J", "a\nb", "\x07", "\x9b1m", "\u202etxt", "\ud800", "\r"])
def test_what_steers_a_terminal_is_written_out(text: str) -> None:
    shown = tables.plain(text)

    assert shown.isprintable()
    assert "\\" in shown


def test_ordinary_letters_stay_as_they_are() -> None:
    assert tables.plain("größe 日本 👩\u200d🚀 \\n") == "größe 日本 👩\u200d🚀 \\n"
