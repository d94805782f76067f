"""What docs/records.rst shows works as it is written."""

import json
import re
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.support.records import counts, records, retry
from tests.support.runs import done, output, start
from tests.support.server import ROOT, Server

TEXT = (ROOT / "docs" / "records.rst").read_text(encoding="utf-8")
BLOCKS = [textwrap.dedent(block) for block in re.findall(r"::\n\n((?:    .*\n|\n)+)", TEXT)]
EXAMPLES = re.findall(r"^    \$ (.+)\n    (\{.+\})\n", TEXT, re.MULTILINE)
CATALOG = """
[customers]
file=customers.py
class=Customers

[script]
file=runscript.py
class=RunScript
script=customers.sh

[lines]
file=runscript.py
class=RunScript
script=lines.sh
"""
# What the task of the page takes for granted: a thousand customers, two of them unknown at first.
WORLD = """
def read_customers():
    return [{"id": number} for number in range(1, 1001)]

def invite(customer):
    import os
    if customer["id"] in (7, 8) and os.environ["JOBSCHED_ATTEMPT"] == "1":
        raise LookupError("no such customer")
"""
SCRIPT_WORLD = """
customers() { printf 'Ann\\nBob\\n'; }
invite() { [ "$1" = Bob ]; }
[ -z "$JOBSCHED_RECORDS" ] || { cat "$JOBSCHED_RECORDS"; exit; }
"""


@pytest.fixture
def server(tmp_path: Path) -> Any:
    task, script, lines = BLOCKS[0], BLOCKS[1], BLOCKS[2]
    first, _, rest = script.partition("\n")
    files = {
        "customers.sh": f"{first}\n{SCRIPT_WORLD}{rest}",
        "lines.sh": f"#!/bin/bash\ncat >> \"$JOBSCHED_REPORT\" <<'EOF'\n{lines.rstrip()}\nEOF\n",
    }
    tasks = {"customers.py": WORLD + task}
    with Server(tmp_path, catalog=CATALOG, tasks=tasks, files=files) as server:
        yield server


def agrees(shown: Any, answer: Any) -> bool:
    """Return whether *answer* has everything that is *shown* of it."""
    if isinstance(shown, dict) and isinstance(answer, dict):
        return all(name in answer and agrees(shown[name], answer[name]) for name in shown)
    if isinstance(shown, list) and isinstance(answer, list):
        return len(shown) == len(answer) and all(map(agrees, shown, answer))
    return bool(shown == answer)


def test_the_task_and_every_request_of_the_page_work_as_shown(server: Server) -> None:
    assert len(EXAMPLES) == 8
    assert done(server, start(server, "customers"))["id"] == 1

    for command, shown in EXAMPLES:
        here = command.replace("http://127.0.0.1:58631", server.url)
        typed = subprocess.run(  # noqa: S602 - typed into a shell, as by the reader
            here, shell=True, capture_output=True, text=True, timeout=60, check=True
        )
        assert agrees(json.loads(shown), json.loads(typed.stdout)), (command, typed.stdout)


def test_the_script_of_the_page_reports_and_gets_back_what_it_shows(server: Server) -> None:
    run = start(server, "script")
    assert counts(done(server, run)) == (1, 1, 0)

    again = retry(server, f"/runs/{run}")
    done(server, again)

    assert output(server, again).decode() == BLOCKS[3].rstrip() + "\n"


def test_the_lines_of_the_page_are_understood(server: Server) -> None:
    run = start(server, "lines")

    assert counts(done(server, run)) == (963, 1, 2)
    assert [one["data"] for one in records(server, run)] == [{"name": "Ann"}]
