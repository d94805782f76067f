"""docs/client.rst names every command, option and exit code, and nothing that is not there."""

import re

import pytest

from jobsched.cli import codes
from tests.support.client import leaves, options
from tests.support.server import ROOT

TEXT = (ROOT / "docs" / "client.rst").read_text(encoding="utf-8")


def named() -> str:
    """Return the text with ``X a|b`` written out as ``X a`` and ``X b``."""
    return re.sub(
        r"(jobsched \w+) ([a-z]+(?:\|[a-z]+)+)",
        lambda found: " ".join(f"{found[1]} {each}" for each in found[2].split("|")),
        TEXT,
    )


@pytest.mark.parametrize("command", [" ".join(way) for way in leaves()])
def test_every_command_is_there(command: str) -> None:
    assert re.search(rf"\bjobsched {command}\b", named())


def test_no_other_command_is_there() -> None:
    known = {way[0] for way in leaves()}

    mentioned = set(re.findall(r"``jobsched ([a-z]+)", TEXT))

    assert mentioned == known


@pytest.mark.parametrize("code", codes.MEANINGS)
def test_every_exit_code_is_there_with_its_meaning(code: int) -> None:
    line = re.search(rf"^``{code}`` +(.+)$", TEXT, re.M)

    assert line is not None
    assert line[1].startswith(codes.MEANINGS[code])


def test_no_other_exit_code_is_there() -> None:
    assert {int(each) for each in re.findall(r"^``(\d+)`` ", TEXT, re.M)} == set(codes.MEANINGS)


def test_every_option_that_is_mentioned_exists() -> None:
    known = options()

    mentioned = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", TEXT))

    assert mentioned - known == set()
