"""How web jobs run and end, as a client of Kudu sees it: restarts, idle runs, crashes, nodes."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import psutil
import pytest

from tests.support.kudu import Kudu
from tests.support.processes import command_of
from tests.support.server import Server
from tests.support.waiting import until

FOR_EVER = "echo begun\nsleep 300 & wait\n"
BUSY = "while true; do :; done\n"
TALKING = "while true; do echo tick; sleep 1; done\n"
_LINE = re.compile(r"\[(\d\d/\d\d/\d{4} \d\d:\d\d:\d\d) > ")


@pytest.fixture(scope="module")
def kudu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kudu]:
    cfg = "SCM_JOBS_INTERVAL = 2\nSCM_JOBS_IDLE_TIMEOUT = 3\n"
    with Server(tmp_path_factory.mktemp("running"), cfg=cfg) as server:
        yield Kudu(server)


def starts(kudu: Kudu, name: str) -> list[datetime]:
    lines = [line for line in kudu.log(name).splitlines() if "begun" in line]
    found = [_LINE.match(line) for line in lines]
    return [datetime.strptime(match[1], "%m/%d/%Y %H:%M:%S") for match in found if match]  # noqa: DTZ007


def sleepers(kudu: Kudu, mark: str = "300") -> int:
    return sum(mark in command_of(process) for process in kudu.server.processes())


@pytest.mark.parametrize("code", [0, 1])
def test_W11_W13_an_ended_script_starts_again_after_2_seconds(kudu: Kudu, code: int) -> None:
    name = f"ends-{code}"
    kudu.deploy("continuous", name, f"echo begun\nexit {code}\n")
    kudu.becomes(name, "PendingRestart")

    until(lambda: len(starts(kudu, name)) >= 3, 15)

    first, second, third, *_ = starts(kudu, name)
    assert 2 <= (second - first).total_seconds() <= 10
    assert 2 <= (third - second).total_seconds() <= 10
    kudu.delete("continuous", name)


def test_W12_W16_the_defaults_are_60_and_120_seconds(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        kudu = Kudu(server)
        kudu.deploy("continuous", "once", "echo begun\n")
        kudu.deploy("triggered", "idle", "true\n")
        kudu.becomes("once", "PendingRestart")

        native = {job["name"]: job for job in server.get("/jobs?task=WebJob").json()["values"]}

        assert native["idle"]["idle_timeout"] == 120
        assert len(starts(kudu, "once")) == 1


@pytest.mark.parametrize(("name", "script"), [("busy", BUSY), ("talking", TALKING)])
def test_W14_what_works_or_talks_is_left_alone(kudu: Kudu, name: str, script: str) -> None:
    kudu.deploy("triggered", name, script)
    kudu.deploy("triggered", f"{name}-idle", "sleep 100\n")
    url = kudu.start(name)

    idle = kudu.run(f"{name}-idle", seconds=30)  # takes longer than two of its timeouts

    assert idle["status"] == "Aborted"
    assert kudu.server.get(url).json()["status"] == "Running"
    kudu.asked("POST", f"{url}/stop")


def test_W14_an_idle_run_is_aborted_and_says_why(kudu: Kudu) -> None:
    kudu.deploy("triggered", "lazy", "echo begun; sleep 100\n")

    run = kudu.run("lazy", seconds=30)

    assert run["status"] == "Aborted"
    assert 3 <= int(run["duration"][-2:]) <= 30
    assert "idle" in kudu.output(run).lower()


def test_W15_a_continuous_job_may_be_idle(kudu: Kudu) -> None:
    kudu.deploy("continuous", "calm", FOR_EVER)
    kudu.deploy("triggered", "clock", "sleep 100\n")
    kudu.becomes("calm", "Running")

    assert kudu.run("clock", seconds=30)["status"] == "Aborted"  # as long as it takes

    assert kudu.status("calm") == "Running"
    assert len(starts(kudu, "calm")) == 1
    kudu.delete("continuous", "calm")


def test_W39_a_stopped_job_is_still_stopped_after_a_restart(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        kudu = Kudu(server)
        kudu.deploy("continuous", "halted", FOR_EVER)
        kudu.deploy("continuous", "other", FOR_EVER)
        kudu.becomes("halted", "Running")
        kudu.stop("halted")

        server.restart()

        kudu.becomes("other", "Running")
        assert kudu.status("halted") == "Stopped"
        until(lambda: sleepers(kudu) == 1)


def test_W43_a_singleton_runs_on_one_of_two_servers(tmp_path: Path) -> None:
    with Server(tmp_path, flags=["--node", "first"]) as server:
        kudu = Kudu(server)
        kudu.deploy("continuous", "shared", FOR_EVER)
        second = Server(tmp_path, flags=["--node", "second"])
        with second:
            until(lambda: sleepers(kudu) == 2, 20, "both servers run it")
            until(lambda: _states(kudu) == ["Running", "Running"], 20, "both servers say so")
            lines = kudu.job("continuous", "shared")["detailed_status"]
            assert lines == "first - Running\r\nsecond - Running\r\n"

            kudu.asked("POST", "/jobs/continuous/shared/singleton?isSingleton=true")

            until(lambda: sleepers(kudu) == 1, 20, "one server runs it")
            until(lambda: _states(kudu) == ["InactiveInstance", "Running"], 20)
            assert kudu.status("shared") == "Running"
            kudu.asked("POST", "/jobs/continuous/shared/singleton?isSingleton=false")
            until(lambda: sleepers(kudu) == 2, 20, "both servers run it again")
        second.close()


def _states(kudu: Kudu) -> list[str]:
    lines = kudu.job("continuous", "shared")["detailed_status"].splitlines()
    return sorted(line.rpartition(" - ")[2] for line in lines)


def test_W45_a_run_outlives_its_killed_server_and_ends_truly(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        kudu = Kudu(server)
        release = tmp_path / "release"
        kudu.deploy("triggered", "long", f"until [ -e {release} ]; do sleep 0.1; done; exit 3\n")
        url = kudu.start("long")
        until(lambda: server.get(url).json()["status"] == "Running")

        server.kill("parent")
        server.start()
        alive = server.get(url).json()["status"]
        release.touch()

        assert alive == "Running"
        assert kudu.ended(url)["status"] == "Failed"


def test_W45_a_run_that_died_unseen_is_aborted_with_the_reason(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        kudu = Kudu(server)
        kudu.deploy("triggered", "long", FOR_EVER)
        url = kudu.start("long")
        until(lambda: server.get(url).json()["status"] == "Running")

        for process in server.processes():  # whoever could have seen its end goes before it
            with suppress(psutil.NoSuchProcess):
                process.kill()
        assert server.process is not None
        server.process.wait(10)
        server.start()

        run = kudu.ended(url)
        assert run["status"] == "Aborted"
        assert "lost" in kudu.output(run).lower() or "died" in kudu.output(run).lower()
