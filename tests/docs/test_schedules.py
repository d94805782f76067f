"""Every example of schedules.rst, made into a trigger, has the moments that stand below it."""

import json
import re
import textwrap
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jobsched import calendars
from jobsched.calendars import Calendars
from jobsched.clock import to_us
from jobsched.errors import InvalidInput
from jobsched.triggers import KINDS, describe, parse
from jobsched.triggers.fields import iso
from jobsched.triggers.preview import Preview, preview
from tests.support.server import ROOT

TEXT = (ROOT / "docs" / "schedules.rst").read_text(encoding="utf-8")
_BLOCK = re.compile(r"::\n\n((?:    .*\n)+)")
_SHOWN = re.compile(r"^From (\S+) on, \*(.+?)\*$", re.MULTILINE)


class Example(NamedTuple):
    """A trigger, the moment it is made at, and what is shown of it."""

    data: dict[str, Any]
    begin: str
    words: str
    lines: list[str]


def _examples() -> list[Example]:
    """Return each list of moments with the last trigger before it."""
    found: list[Example] = []
    data: dict[str, Any] = {}
    place = 0
    for block in _BLOCK.finditer(TEXT):
        lines = textwrap.dedent(block[1]).splitlines()
        if lines[0].startswith("{"):
            data = json.loads("\n".join(lines))
        elif shown := _SHOWN.search(TEXT[place : block.start()]):
            found.append(Example(data, shown[1], shown[2], lines))
        place = block.start()
    return found


def _refusals() -> list[tuple[str, str]]:
    """Return each refused trigger with the words of its refusal."""
    part = TEXT.partition("What is refused\n")[2]
    entries = re.findall(r"^``(\{.+\})``\n((?:    .+\n)+)", part, flags=re.MULTILINE)
    return [(said, " ".join(why.split()).replace("\\*", "*")) for said, why in entries]


EXAMPLES, REFUSALS = _examples(), _refusals()


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Calendars:
    """The calendars of the page."""
    shown = re.search(r"code-block:: yaml\n\n((?:    .*\n|\n)+)", TEXT)
    assert shown is not None
    folder: Path = tmp_path_factory.mktemp("conf")
    (folder / "calendars.yaml").write_text(textwrap.dedent(shown[1]), encoding="utf-8")
    return calendars.load(folder)


def _lines(found: Preview) -> list[str]:
    """Return what the command prints, with spaces between the columns."""
    moments = [
        "  ".join([planned.local.isoformat(), iso(planned.at_us), *filter(None, [planned.note])])
        for planned in found.next
    ]
    skipped = [f"skipped {day.date}: {day.note}" for day in found.skipped]
    return moments + skipped + [f"warning: {each.message}" for each in found.trigger.warnings()]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: json.dumps(example.data))
def test_an_example_has_the_moments_and_the_words_that_are_shown(
    example: Example, known: Calendars
) -> None:
    begin_us = to_us(datetime.fromisoformat(example.begin))
    count = sum(line[0].isdigit() for line in example.lines)
    trigger = parse(example.data, created_us=begin_us, calendars=known)
    ends = len(list(trigger.moments(begin_us - 1, trigger.last_us))) if trigger.count else None

    found = preview(trigger, begin_us, count)

    assert _lines(found) == example.lines
    assert describe(trigger) == example.words
    assert ends in {None, count}


@pytest.mark.parametrize(("said", "why"), REFUSALS)
def test_what_is_refused_gets_the_reason_that_is_shown(
    said: str, why: str, known: Calendars
) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(json.loads(said), calendars=known)

    assert " ".join(error.message for error in caught.value.errors) == why


def test_every_kind_and_every_common_key_is_shown_with_an_example() -> None:
    shown = {key for example in EXAMPLES for key in example.data}

    assert {*KINDS} <= shown
    assert {"timezone", "dst", "calendars", "on_excluded", "start", "count"} <= shown
    assert len(EXAMPLES) >= 20
    assert len(REFUSALS) >= 10


def test_every_example_of_the_page_is_one_of_them() -> None:
    blocks = [block for block in _BLOCK.findall(TEXT) if block.lstrip().startswith("{")]

    assert {json.dumps(json.loads(block)) for block in blocks} == {
        json.dumps(example.data) for example in EXAMPLES
    }
