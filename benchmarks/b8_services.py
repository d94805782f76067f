"""B8: 200 continuous jobs: restart after kill -9, CPU at rest, memory beyond the empty server.

The reference is a bare loop that starts the same 200 processes and starts one again whenever
``waitpid`` tells of an end. A restart takes from the kill until the new process says that it is
there. CPU at rest is counted in ticks, of which a supervisor uses six in 30 seconds: ``--seconds``
makes that finer. Run with ``python -m benchmarks.b8_services``; on a machine that others use too,
``chrt -f 10`` before it lets server, client and reference alike run as if it were idle.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.b11_idle import megabytes, percents
from benchmarks.server import Server, serving
from jobsched import clock

TIMES, PERCENT, MEGABYTES = 2.0, 0.2, 25.0  # the targets
SETTLING = 5.0  # seconds
PAUSE = 0.01  # seconds between an answer and the next kill
SCRIPT = """\
#!/bin/sh
echo ${JOBSCHED_JOB_ID:-$1} $$ > %s
exec sleep 1000000
"""
JOB = (
    "INSERT INTO jobs (id, name, task, mode, state, created_us, updated_us)"
    " VALUES (:id, 'service', 'service', 'continuous', 'active', :now, :now)"
)
LOOP = """\
import os, sys
script, count = sys.argv[1], int(sys.argv[2])
alive = {}
def start(name):
    alive[os.posix_spawn(script, [script, name], os.environ, setsid=True)] = name
for number in range(count):
    start(str(number))
while True:
    pid, _ = os.waitpid(-1, 0)
    start(alive.pop(pid))
"""


class Services:
    """So many processes that *script* becomes, each of which says when it is there."""

    def __init__(self, folder: Path) -> None:
        pipe, self.script = folder / "pipe", folder / "service"
        os.mkfifo(pipe)
        self.script.write_text(SCRIPT % pipe)
        self.script.chmod(0o700)
        self._file = pipe.open("r+b", buffering=0)
        self._rest = b""
        self._alive: dict[str, int] = {}
        self._turn = 0

    def wait(self, count: int) -> None:
        """Wait until *count* have said that they are there."""
        while len(self._alive) < count:
            name, pid = self._heard()
            self._alive[name] = pid

    def restart(self) -> float:
        """Kill one, the next in turn, and return the milliseconds until it is there again."""
        name = [*self._alive][self._turn % len(self._alive)]
        self._turn += 1
        began = time.perf_counter()
        os.kill(self._alive[name], signal.SIGKILL)
        again, pid = self._heard()
        taken = (time.perf_counter() - began) * 1000
        if again != name:
            raise SystemExit(f"{again} started, {name} was killed")
        self._alive[name] = pid
        return taken

    def end(self) -> None:
        """Kill all of them."""
        for pid in self._alive.values():
            os.kill(pid, signal.SIGKILL)

    def _heard(self) -> tuple[str, int]:
        while b"\n" not in self._rest:
            self._rest += self._file.read(4096)
        line, self._rest = self._rest.split(b"\n", 1)
        name, pid = line.split()
        return name.decode(), int(pid)


@contextmanager
def services() -> Iterator[Services]:
    with tempfile.TemporaryDirectory() as name:
        yield Services(Path(name))


@contextmanager
def bare_loop(count: int) -> Iterator[Services]:
    """Keep *count* services alive by the reference loop."""
    with services() as found:
        command = [sys.executable, "-S", "-c", LOOP, str(found.script), str(count)]
        with subprocess.Popen(command) as process:
            try:
                found.wait(count)
                yield found
            finally:
                process.kill()
                found.end()


def add_jobs(server: Server, count: int) -> None:
    """Add *count* continuous jobs."""
    store, now = server.store(), clock.now_us()
    with store.database.write() as connection:
        rows = [{"id": f"{number:036d}", "now": now} for number in range(count)]
        store.database.many(connection, JOB, rows)
    store.close()


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What was measured of the server: milliseconds, percent of a core, megabytes."""

    bare: float
    ours: float
    cpu: dict[str, float]
    memory: float
    base: float


def measured(count: int, kills: int, seconds: float) -> Figures:
    """Return the figures of a server with *count* services, beside as many of the bare loop."""
    with (
        services() as ours,
        serving({"service": str(ours.script)}, settings="WEBJOBS_RESTART_TIME = 0\n") as server,
    ):
        time.sleep(SETTLING)
        base = sum(megabytes(server).values())
        add_jobs(server, count)
        ours.wait(count)
        with bare_loop(count) as bare:
            time.sleep(SETTLING)
            # In turn: neighbours in time share the noise of a machine.
            pairs = [_pair(bare, ours) for _ in range(kills)]
        time.sleep(SETTLING)
        cpu, memory = percents(server, seconds), sum(megabytes(server).values())
    medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
    return Figures(bare=medians[0], ours=medians[1], cpu=cpu, memory=memory, base=base)


def _pair(bare: Services, ours: Services) -> tuple[float, float]:
    time.sleep(PAUSE)
    return bare.restart(), ours.restart()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", type=int, default=200)
    parser.add_argument("--kills", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    found = measured(options.services, options.kills, options.seconds)
    ratio, supervisor = found.ours / found.bare, found.cpu["supervisor"]
    more = found.memory - found.base
    others = ", ".join(f"{name} {value:.2f}" for name, value in found.cpu.items())
    print(f"restart, ms  {found.ours:.2f}, bare {found.bare:.2f}: {ratio:.2f} x, to reach {TIMES}")
    print(f"CPU at rest  {supervisor:.2f} % of a core, to reach {PERCENT} ({others})")
    print(f"memory, MB   {more:.1f} beyond {found.base:.1f}, to reach {MEGABYTES}")
    print(json.dumps({"workload": "b8 services", **asdict(found)}))


if __name__ == "__main__":
    main()
