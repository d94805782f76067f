"""B5: Python tasks that do nothing, in warm workers: how near to a pool over pipes?

N runs queued at once, as in B3. The reference is a pool of two forked processes that get a line
of JSON each through a pipe, call a function and answer with a line: no history, no limits, no
verdict of their own. Run with ``python -m benchmarks.b5_warm``.
"""

import argparse
import json
import os
import time

from benchmarks.b3_scripts import bulk
from benchmarks.driver import Figure, show
from benchmarks.server import serving

SLOTS = 2
TARGET = 5000  # per second, on the machine of the plan
CATALOG = "[nothing]\nfile=tasks.py\nclass=Nothing\njobsched.isolation={}\n\n"
CODE = """
class Nothing:
    def __call__(self, info):
        pass
"""
ORDER = json.dumps({"op": "call", "run": 1, "info": {"job_id": None, "params": {}}}) + "\n"


def reference(count: int) -> tuple[float, float]:
    """Return calls per second and CPU seconds per call of the pool, one call each in flight."""
    before, began = sum(os.times()[:4]), time.perf_counter()
    pool = [_forked() for _ in range(SLOTS)]
    for number in range(count):
        _, asked, answers = pool[number % SLOTS]
        if number >= SLOTS:
            json.loads(os.read(answers, 4096))
        os.write(asked, ORDER.encode())
    for pid, asked, answers in pool:
        json.loads(os.read(answers, 4096))
        os.write(asked, b"\n")
        os.waitpid(pid, 0)
        os.close(asked)
        os.close(answers)
    return count / (time.perf_counter() - began), (sum(os.times()[:4]) - before) / count


def _forked() -> tuple[int, int, int]:
    """Return a worker's pid and our ends of its two pipes."""
    theirs, asked = os.pipe()
    answers, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(asked)
        while (line := os.read(theirs, 4096)) != b"\n":
            message = json.loads(line)
            os.write(told, json.dumps({"op": "ended", "run": message["run"]}).encode() + b"\n")
        os._exit(0)
    os.close(theirs)
    os.close(told)
    return pid, asked, answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3000)
    count = parser.parse_args().runs
    bare_before, cpu_before = reference(count)
    with serving({}, CATALOG.format("warm"), CODE) as server:
        bulk(server, 1000, "nothing")  # until every worker is there
        rate, cpu = bulk(server, count, "nothing")
    bare_after, cpu_after = reference(count)
    bare = (bare_before + bare_after) / 2
    figure = Figure(
        workload="b5 warm tasks", unit="runs", rate=rate, reference=bare, target=TARGET / bare
    )
    show([figure])
    bare_cpu = (cpu_before + cpu_after) / 2
    print(f"CPU per run, ms: {sum(cpu.values()) * 1000:.2f}, bare pool {bare_cpu * 1000:.2f}")
    print("  " + ", ".join(f"{name} {value * 1000:.2f}" for name, value in cpu.items()))
    print("  (of warm workers only those that have ended are counted)")


if __name__ == "__main__":
    main()
