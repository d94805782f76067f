"""Titles: what the list of processes shows."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import ROOT

PROGRAM = """
import os, sys
from pathlib import Path
from jobsched.app import titles
for part in sys.argv[1].split(","):
    titles.show(part)
    for name in ("comm", "cmdline"):
        print(repr(Path(f"/proc/self/{name}").read_text().strip("\\n\\0").split("\\0")))
print(os.environ["PYTHONPATH"])
"""


@pytest.mark.parametrize("options", [(), ("--data-dir", "/a folder/of data")])
def test_each_part_is_told_by_its_name_and_keeps_its_options(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "program_of_a_server.py").write_text(PROGRAM)
    path = f"{ROOT}:{tmp_path}"

    told = subprocess.run(
        [sys.executable, "-m", "program_of_a_server", "parent,web", *options],
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout.splitlines()

    rest = ["parent,web", *options]
    assert told == [
        repr(["jobsched:parent"]),
        repr(["jobsched: parent", *rest]),
        repr(["jobsched:web"]),
        repr(["jobsched: web", *rest]),
        path,
    ]
