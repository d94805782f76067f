"""200 continuous web jobs on one server: what befalls one of them befalls no other (issue 4).

Each process writes its name and pid to a ledger outside the data folder when it begins; what is
said here of processes is read there and from the kernel, not from the server.
"""

import os
import signal
from collections.abc import Iterator

import psutil
import pytest

from tests.support.kudu import Kudu, checked
from tests.support.server import Server
from tests.support.waiting import until

COUNT = 200
NAMES = [f"service-{number:03}" for number in range(COUNT)]
CFG = "WEBJOBS_RESTART_TIME = 0\n"
PATIENCE = 60.0  # seconds: all of them start at once, on whatever machine this is
Process = tuple[int, float]  # pid and start time: together they name one process for good


class Fleet:
    """The jobs' processes as the ledger has them."""

    def __init__(self, server: Server) -> None:
        self.server, self.kudu = server, Kudu(server)
        self._ledger = server.folder / "ledger"
        self._ledger.touch()

    def script(self, version: str = "1") -> str:
        """Return the script of every job; another *version* of it is another file."""
        line = '"$WEBJOBS_NAME $$"'
        return f"# version {version}\necho {line} >> {self._ledger}\nexec sleep 1000000\n"

    def drop(self, name: str) -> None:
        """Move the whole folder of a job to its place: one half written would be seen changing."""
        made, place = self.server.folder / name, self.kudu.folder("continuous", name)
        made.mkdir()
        (made / "run.sh").write_text(self.script(), encoding="ascii")
        place.parent.mkdir(parents=True, exist_ok=True)
        made.rename(place)

    def starts(self) -> list[tuple[str, int]]:
        """Return the name and pid of every start so far, oldest first."""
        lines = self._ledger.read_text(encoding="ascii").splitlines()
        return [(name, int(pid)) for name, pid in map(str.split, lines)]

    def alive(self) -> dict[str, Process]:
        """Return the living process of each job that has one."""
        return {
            name: (pid, psutil.Process(pid).create_time())
            for name, pid in dict(self.starts()).items()
            if psutil.pid_exists(pid)
        }

    def begun(self, count: int) -> dict[str, Process]:
        """Wait until there have been *count* starts and all jobs live; return the processes."""

        def whole() -> dict[str, Process]:
            if len(self.starts()) < count:
                return {}
            alive = self.alive()
            return alive if len(alive) == COUNT else {}

        return until(whole, PATIENCE, f"{count} starts, {COUNT} alive")

    def kill(self, name: str) -> None:
        """Kill the process of one job."""
        os.kill(self.alive()[name][0], signal.SIGKILL)

    def running(self) -> set[str]:
        """Return which jobs the server says to be running."""
        jobs = checked(self.server.get("/api/continuouswebjobs"))
        return {job["name"] for job in jobs if job["status"] == "Running"}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with Server(tmp_path_factory.mktemp("fleet"), cfg=CFG) as server:
        fleet = Fleet(server)
        for name in NAMES:
            fleet.drop(name)
        fleet.begun(COUNT)
        yield fleet


def changed(before: dict[str, Process], after: dict[str, Process]) -> set[str]:
    """Return the jobs that have another process than before."""
    return {name for name in NAMES if before[name] != after[name]}


def test_200_dropped_folders_all_run_once(fleet: Fleet) -> None:
    until(lambda: fleet.running() == set(NAMES), PATIENCE, "all to be shown as running")

    assert sorted(name for name, _ in fleet.starts()[:COUNT]) == NAMES


@pytest.mark.parametrize("name", [NAMES[0], NAMES[123]])
def test_kill_9_of_one_restarts_it_and_no_other(fleet: Fleet, name: str) -> None:
    before, starts = fleet.begun(COUNT), len(fleet.starts())

    fleet.kill(name)

    after = fleet.begun(starts + 1)
    assert changed(before, after) == {name}
    _witness(fleet, starts + 1)
    assert changed(before, fleet.alive()) == {name, NAMES[1]}


def test_a_deployment_of_one_restarts_it_and_no_other(fleet: Fleet) -> None:
    before, starts, name = fleet.begun(COUNT), len(fleet.starts()), NAMES[77]

    fleet.kudu.deploy("continuous", name, fleet.script("2"))

    after = fleet.begun(starts + 1)
    assert changed(before, after) == {name}
    _witness(fleet, starts + 1)
    assert changed(before, fleet.alive()) == {name, NAMES[1]}


def test_a_server_killed_in_the_midst_of_them_takes_all_in_hand_again(fleet: Fleet) -> None:
    before, starts = fleet.begun(COUNT), len(fleet.starts())

    for role in ("supervisor", "parent"):
        fleet.server.kill(role)
    fleet.server.start()

    until(lambda: fleet.running() == set(NAMES), PATIENCE, "all to be shown as running")
    _witness(fleet, starts)
    assert changed(before, fleet.alive()) == {NAMES[1]}


def test_one_that_flaps_backs_off_and_leaves_the_others_alone(fleet: Fleet) -> None:
    before, starts, name = fleet.begun(COUNT), len(fleet.starts()), "flapping"
    fleet.kudu.deploy("continuous", name, "exit 1\n")

    found = until(lambda: fleet.server.lines("service backing off"), PATIENCE)

    waits = [float(line.split("wait=")[1].split()[0]) for line in found]
    assert waits[0] > 0
    assert fleet.kudu.becomes(name, "PendingRestart")
    fleet.kudu.delete("continuous", name)
    assert (fleet.alive(), len(fleet.starts())) == (before, starts)


def _witness(fleet: Fleet, starts: int) -> None:
    """Let one more job restart: whatever the server has had in mind before is done by then."""
    fleet.kill(NAMES[1])
    fleet.begun(starts + 1)
    assert [name for name, _ in fleet.starts()[starts:]] == [NAMES[1]]
