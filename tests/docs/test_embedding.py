"""The examples of embedding.rst work as they are written."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import ROOT

TEXT = (ROOT / "docs" / "embedding.rst").read_text(encoding="utf-8")
BLOCKS = [
    "\n".join(line[4:] for line in block.splitlines())
    for block in re.findall(r"::\n\n((?:    .*\n|\n)+)", TEXT)
]
FLASK = """
answers = {path: app.test_client().get(path).status_code for path in ("/hello", "/jobs")}
foreign = app.test_client().get("/hello", headers={"Host": "evil.example"}).status_code
print(answers, foreign, flush=True)
"""
TICK = """
import threading
from apscheduler.events import EVENT_JOB_EXECUTED
ran = threading.Event()
scheduler.add_listener(lambda event: ran.set(), EVENT_JOB_EXECUTED)
assert ran.wait(30)
scheduler.shutdown()
sys.stdout.flush()
"""
STORE = """
print([(job.name, job.args) for job in scheduler.get_jobs()], flush=True)
"""


@pytest.mark.parametrize(
    ("number", "more", "said"),
    [
        (0, FLASK, "{'/hello': 401, '/jobs': 401} 400\n"),
        (2, TICK, "tick\n"),
        (3, STORE, "[('five', ('example',))]\n"),
    ],
    ids=["flask", "triggers", "store"],
)
def test_an_example_runs(tmp_path: Path, number: int, more: str, said: str) -> None:
    for name in ("conf", "tasks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "var").mkdir(mode=0o700)

    result = subprocess.run(
        [sys.executable, "-c", f"import os, sys\n{BLOCKS[number]}{more}os._exit(0)"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (result.stderr, result.stdout) == ("", said)


def test_the_commands_are_those_of_the_program() -> None:
    for line in BLOCKS[1].strip().splitlines():
        words = line.split()
        assert words[3] in {"scheduler", "supervisor"}
        assert words[4::2] == ["--conf-dir", "--tasks-dir", "--data-dir"]
