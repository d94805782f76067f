"""B11: the whole server at rest with 1,000 jobs that are not due: memory and CPU.

Memory is the proportional set size of all its processes, so that what they share counts once.
There is no reference loop: the targets are figures. Run with ``python -m benchmarks.b11_idle``.
"""

import argparse
import json
import time
from collections import Counter
from pathlib import Path

from benchmarks.server import Server, serving
from jobsched import clock

MEGABYTES, PERCENT = 150, 0.5  # the targets
TRIGGER = '{"interval":{"days":1},"start":"2023-11-14T22:13:20Z","timezone":"UTC"}'
JOB = (
    "INSERT INTO jobs (id, name, task, mode, state, next_us, trigger, created_us, updated_us)"
    " VALUES (:id, 'backup', 'nothing', 'scheduled', 'active', :next, :trigger, :now, :now)"
)
SETTLING = 5.0  # seconds


def add_jobs(server: Server, count: int) -> None:
    """Add *count* jobs that are due tomorrow."""
    now = clock.now_us()
    values = {"next": now + 24 * 3600 * clock.SECOND, "trigger": TRIGGER, "now": now}
    store = server.store()
    with store.database.write() as connection:
        rows = [{"id": f"{number:036d}", **values} for number in range(count)]
        store.database.many(connection, JOB, rows)
    store.close()


def megabytes(server: Server) -> dict[str, float]:
    """Return the proportional set size by kind of process."""
    sizes: Counter[str] = Counter()
    for pid, name in server.processes().items():
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        [line] = [line for line in lines if line.startswith("Pss:")]
        sizes[name] += int(line.split()[1])
    return {name: kilobytes / 1024 for name, kilobytes in sizes.items()}


def percents(server: Server, seconds: float) -> dict[str, float]:
    """Return how much of one core each kind of process uses."""
    before, began = server.cpu_seconds(), time.perf_counter()
    time.sleep(seconds)
    after, passed = server.cpu_seconds(), time.perf_counter() - began
    return {name: (after[name] - before[name]) / passed * 100 for name in after}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    with serving({}, "[nothing]\nfile=runscript.py\nclass=RunScript\nscript=/bin/true\n") as server:
        add_jobs(server, options.jobs)
        time.sleep(SETTLING)
        cpu, memory = percents(server, options.seconds), megabytes(server)
    for what, figures, target in (
        ("memory, MB", memory, MEGABYTES),
        ("CPU, % of a core", cpu, PERCENT),
    ):
        by_process = ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
        print(f"{what:<18}{sum(figures.values()):>8.2f}  to reach {target}  ({by_process})")
    print(json.dumps({"workload": "b11 idle", "megabytes": memory, "percent": cpu}))


if __name__ == "__main__":
    main()
