"""B8: 200 continuous jobs: restart after kill -9, CPU at rest, memory beyond the empty server.

The reference is a bare loop that starts the same 200 processes and starts one again whenever
``waitpid`` tells of an end. A restart takes from the kill until the new process says that it is
there. Run with ``python -m benchmarks.b8_services``.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
Signs = Callable[[float], tuple[str, int]]


@contextmanager
def signs(folder: Path) -> Iterator[tuple[Path, Signs]]:
    """Give a script that says that it is there, and the function that hears the next one."""
    pipe, script = folder / "pipe", folder / "service"
    os.mkfifo(pipe)
    script.write_text(SCRIPT % pipe)
    script.chmod(0o700)
    with pipe.open("r+b", buffering=0) as file:
        rest = b""

        def heard(_: float) -> tuple[str, int]:
            nonlocal rest
            while b"\n" not in rest:
                rest += file.read(4096)
            line, rest = rest.split(b"\n", 1)
            name, pid = line.split()
            return name.decode(), int(pid)

        yield script, heard


def restarts(heard: Signs, count: int, kills: int) -> list[float]:
    """Return the milliseconds that *kills* restarts took, once *count* services are there."""
    alive = dict(heard(60.0) for _ in range(count))
    time.sleep(SETTLING)
    taken = []
    for number in range(kills):
        name = [*alive][number % count]
        began = time.perf_counter()
        os.kill(alive[name], signal.SIGKILL)
        again, pid = heard(60.0)
        taken.append((time.perf_counter() - began) * 1000)
        if again != name:
            raise SystemExit(f"{again} started, {name} was killed")
        alive[name] = pid
        time.sleep(PAUSE)
    return taken


def reference(count: int, kills: int) -> list[float]:
    """Return the same for the bare loop."""
    with tempfile.TemporaryDirectory() as name, signs(Path(name)) as (script, heard):
        command = [sys.executable, "-S", "-c", LOOP, str(script), str(count)]
        with subprocess.Popen(command) as process:
            try:
                return restarts(heard, count, kills)
            finally:
                children = _children(process.pid)
                process.kill()
                for pid in children:
                    os.kill(pid, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


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

    restarts: list[float]
    cpu: dict[str, float]
    memory: float
    base: float


def measured(count: int, kills: int, seconds: float) -> Figures:
    """Return the figures of a server with *count* services."""
    with (
        tempfile.TemporaryDirectory() as name,
        signs(Path(name)) as (script, heard),
        serving({"service": str(script)}, settings="WEBJOBS_RESTART_TIME = 0\n") as server,
    ):
        time.sleep(SETTLING)
        base = sum(megabytes(server).values())
        add_jobs(server, count)
        taken = restarts(heard, count, kills)
        time.sleep(SETTLING)
        cpu, memory = percents(server, seconds), sum(megabytes(server).values())
    return Figures(restarts=taken, cpu=cpu, memory=memory, base=base)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", type=int, default=200)
    parser.add_argument("--kills", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    bare = statistics.median(reference(options.services, options.kills))
    found = measured(options.services, options.kills, options.seconds)
    p50, supervisor = statistics.median(found.restarts), found.cpu["supervisor"]
    more = found.memory - found.base
    others = ", ".join(f"{name} {value:.2f}" for name, value in found.cpu.items())
    print(f"restart, ms  {p50:.2f}, bare loop {bare:.2f}: {p50 / bare:.2f} x, to reach {TIMES}")
    print(f"CPU at rest  {supervisor:.2f} % of a core, to reach {PERCENT} ({others})")
    print(f"memory, MB   {more:.1f} beyond {found.base:.1f}, to reach {MEGABYTES}")
    figures = {"milliseconds": p50, "bare": bare, "percent": supervisor, "megabytes": more}
    print(json.dumps({"workload": "b8 services", **figures}))


if __name__ == "__main__":
    main()
