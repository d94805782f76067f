"""The examples of embedding.rst work as they are written."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

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


def test_the_gate_stands_before_all_routes_of_the_example(tmp_path: Path) -> None:
    for name in ("conf", "tasks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "var").mkdir(mode=0o700)

    result = subprocess.run(
        [sys.executable, "-c", f"import os\n{BLOCKS[0]}{FLASK}os._exit(0)"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (result.stderr, result.stdout) == ("", "{'/hello': 401, '/jobs': 401} 400\n")


def test_the_commands_are_those_of_the_program() -> None:
    for line in BLOCKS[1].strip().splitlines():
        words = line.split()
        assert words[3] in {"scheduler", "supervisor"}
        assert words[4::2] == ["--conf-dir", "--tasks-dir", "--data-dir"]
