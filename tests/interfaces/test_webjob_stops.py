"""Stops of web jobs through a whole server: its own stop, and one that a crash interrupts."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kudu import Kudu
from tests.support.server import Server
from tests.support.waiting import until

HEEDS = """\
echo ready
while [ ! -e "$WEBJOBS_SHUTDOWN_FILE" ]; do sleep 0.1; done
echo cleaned up
"""
_PREFIX = re.compile(r"^\[.*?\] ", re.MULTILINE)


@pytest.fixture
def kudu(tmp_path: Path) -> Iterator[Kudu]:
    with Server(tmp_path) as server:
        yield Kudu(server)


def log_of_newest(kudu: Kudu, name: str) -> str:
    """Return the newest run's log without the stamps; the server need not run."""
    logs = sorted(kudu.data("triggered", name).glob("*/output_log.txt"))
    return _PREFIX.sub("", logs[-1].read_text()) if logs else ""


def test_the_shutdown_file_comes_first_when_the_server_stops(kudu: Kudu) -> None:
    kudu.deploy("triggered", "once", HEEDS, stopping_wait_time=20)
    kudu.deploy("continuous", "always", HEEDS, stopping_wait_time=20)
    kudu.start("once")
    until(lambda: "ready" in kudu.log("always") and "ready" in log_of_newest(kudu, "once"))

    kudu.server.stop()

    once, always = log_of_newest(kudu, "once"), kudu.log("always")
    for log, word in ((once, "Aborted"), (always, "Stopped")):
        assert "Stopping (shutdown): The server was stopped." in log
        assert "cleaned up" in log
        assert f"Status changed to {word}" in log


def test_a_server_killed_in_mid_stop_ends_the_run_after_all(kudu: Kudu) -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 0.2; done\n"
    kudu.deploy("triggered", "stubborn", script, stopping_wait_time=6)
    url = kudu.start("stubborn")
    until(lambda: "ready" in log_of_newest(kudu, "stubborn"))
    kudu.asked("POST", f"{url}/stop")
    until(lambda: "Stopping (stop)" in log_of_newest(kudu, "stubborn"))

    kudu.server.kill("parent")
    kudu.server.start()

    run = kudu.ended(url, seconds=30)
    assert run["status"] == "Aborted"
    assert "Job aborted (stop)" in log_of_newest(kudu, "stubborn")


def test_a_new_version_is_copied_and_the_log_says_why(kudu: Kudu) -> None:
    kudu.deploy("triggered", "copied", "echo one\n")
    kudu.run("copied")
    kudu.deploy("triggered", "copied", "echo two, longer\n")

    kudu.run("copied")

    log = log_of_newest(kudu, "copied")
    assert "Job directory change detected: Job file 'run.sh' timestamp differs" in log
    assert "two, longer" in log
