"""``check`` and the console command, as their users meet them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import CATALOG, LOGGING, ROOT, Server


def run(server: Server, *arguments: str) -> "subprocess.CompletedProcess[str]":
    folders = [
        *("--conf-dir", str(server.folder / "conf")),
        *("--tasks-dir", str(server.folder / "tasks")),
        *("--data-dir", str(server.data)),
    ]
    return subprocess.run(
        [sys.executable, "-m", "jobsched", *arguments, *folders],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_good_configuration_is_in_order_and_nothing_is_made(tmp_path: Path) -> None:
    server = Server(tmp_path)

    result = run(server, "check")

    assert (result.returncode, result.stderr) == (0, "")
    assert not server.data.exists()


def test_every_mistake_has_its_line_and_its_place(tmp_path: Path) -> None:
    server = Server(
        tmp_path,
        catalog=CATALOG.replace("class=ExampleJob", "class=ExampelJob"),
        cfg="JOB_LIVETIME = 1\nJOBSCHED_PORT = 'x'\nSCHED_CONFIG = {\n'jobstors': {}}\n",
        logging=LOGGING.replace("handlers=stdout", "handlers=stdot"),
        files={"calendars.yaml": "company:\n  weekly: [{days: [sonday]}]\n"},
    )

    result = run(server, "check")

    assert result.returncode != 0
    for place, hint in [
        ("conf/jobsched.cfg:2", "whole number"),
        ("conf/jobsched.cfg:4", "jobstores"),
        ("[example]", "ExampleJob"),
        ("conf/logging.cfg:", "stdout"),
        ("conf/calendars.yaml:2: company.weekly[0].days[0]", "sunday"),
    ]:
        assert any(place in line and hint in line for line in result.stderr.splitlines()), place
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", ["jobsched.cfg", "logging.cfg"])
def test_code_that_everybody_may_write_is_refused_unread(tmp_path: Path, name: str) -> None:
    server = Server(tmp_path, cfg="raise SystemExit('it ran')")
    (server.folder / "conf" / name).chmod(0o666)

    result = run(server, "check")

    assert result.returncode != 0
    assert f"{name}: is writable by everybody" in result.stderr
    if name == "jobsched.cfg":
        assert "it ran" not in result.stderr


def test_one_mistake_is_one_mistake_and_warnings_are_told(tmp_path: Path) -> None:
    cfg = "SCHED_CONFIG = {'apscheduler.coalesce': True}"
    warned = run(Server(tmp_path, cfg=cfg), "check")
    mistaken = run(Server(tmp_path, cfg="DATABASE_URL = 'mysql+pymysql://x/y'"), "check")

    assert (warned.returncode, warned.stdout) == (0, "The configuration is in order.\n")
    assert warned.stderr.startswith("warning: SCHED_CONFIG: coalesce is now")
    assert (mistaken.returncode, mistaken.stdout) == (2, "1 mistake.\n")
    assert "this version keeps its data in SQLite or PostgreSQL" in mistaken.stderr
