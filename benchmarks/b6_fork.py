"""B6: Python tasks that do nothing, each in a fresh process: how near to a bare fork loop?

N runs queued at once, as in B3. The reference forks out of a small process, two at a time, and
reaps them. Run with ``python -m benchmarks.b6_fork``.
"""

import argparse
import os
import subprocess
import sys

from benchmarks.b3_scripts import bulk
from benchmarks.b5_warm import CATALOG, CODE
from benchmarks.driver import Figure, show
from benchmarks.server import serving

TARGET = 1000  # per second, on the machine of the plan
# In a process of its own: this one is no small one.
LOOP = """
import gc, os, sys, time
gc.freeze()
count, alive, began = int(sys.argv[1]), 0, time.perf_counter()
for _ in range(count):
    if alive == 2:
        os.waitpid(-1, 0)
        alive -= 1
    if os.fork() == 0:
        os._exit(0)
    alive += 1
for _ in range(alive):
    os.waitpid(-1, 0)
print(count / (time.perf_counter() - began), sum(os.times()[:4]) / count)
"""


def reference(count: int) -> tuple[float, float]:
    """Return forks per second and CPU seconds per fork."""
    command = [sys.executable, "-I", "-S", "-c", LOOP, str(count)]
    rate, cpu = subprocess.check_output(command, env=dict(os.environ), text=True).split()
    return float(rate), float(cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    count = parser.parse_args().runs
    bare_before, cpu_before = reference(count)
    with serving({}, CATALOG.format("fork"), CODE) as server:
        bulk(server, 50, "nothing")
        rate, cpu = bulk(server, count, "nothing")
    bare_after, cpu_after = reference(count)
    bare = (bare_before + bare_after) / 2
    figure = Figure(
        workload="b6 forked tasks", unit="runs", rate=rate, reference=bare, target=TARGET / bare
    )
    show([figure])
    bare_cpu = (cpu_before + cpu_after) / 2
    print(f"CPU per run, ms: {sum(cpu.values()) * 1000:.2f}, bare fork {bare_cpu * 1000:.2f}")
    print("  " + ", ".join(f"{name} {value * 1000:.2f}" for name, value in cpu.items()))
    print("  (the zygote's own CPU time is not counted while it lives)")


if __name__ == "__main__":
    main()
