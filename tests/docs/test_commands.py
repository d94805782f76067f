"""The examples of docs/commands.rst, one after the other, get the answers that stand below them."""

import re
import subprocess
from pathlib import Path

from tests.support.commands import JobSchedServer
from tests.support.server import ROOT

TEXT = (ROOT / "docs" / "commands.rst").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^    \$ (.+)\n((?:    (?!\$ ).+\n)*)", TEXT, re.MULTILINE)
MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def answer(command: str, server: JobSchedServer) -> str:
    here = command.replace("127.0.0.1:4321", f"127.0.0.1:{server.port}")
    done = subprocess.run(  # noqa: S602 - typed into a shell, as by the reader
        here, shell=True, capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout


def test_every_example_is_answered_as_shown(tmp_path: Path) -> None:
    assert len(EXAMPLES) >= 12

    with JobSchedServer(tmp_path, jobs=4) as server:
        for command, shown in EXAMPLES:
            expected = re.sub("^    ", "", shown, flags=re.MULTILINE)
            if "/jobinfo" in command and "running" in shown:
                server.reaches(2, "running")
            assert MOMENT.sub("-", answer(command, server)) == MOMENT.sub("-", expected), command
        assert server.process is not None
        assert server.process.wait(20) == 0


def test_every_option_of_the_program_is_explained() -> None:
    from jobsched.jobschedserver import _parser

    options = [word for line in _parser().format_help().split() for word in line.split(",")]
    known = {word for word in options if re.fullmatch(r"-\w|--\w+", word)} - {"-h", "--help"}

    assert len(known) == 12
    assert {word for word in known if f"``{word}``" not in TEXT} == set()
