"""B3: scripts in bulk: how near comes the whole server to a bare posix_spawn loop?

``/bin/true`` N times, queued at once: claimed, journalled, executed, settled in a synced
database. The reference keeps two spawns going and reaps them. CPU is that of all processes,
the jobs' own included. Run with ``python -m benchmarks.b3_scripts``.
"""

import argparse
import os
import resource
import time

from benchmarks.driver import Figure, show
from benchmarks.server import Server, serving
from jobsched import clock
from jobsched.storage.newruns import NewRun

TRUE = "/bin/true"
SLOTS = 2
TARGET = 0.5


def reference(count: int) -> tuple[float, float]:
    """Spawn *count* times with two slots; return runs per second and CPU seconds per run."""
    before, began = _own_cpu(), time.perf_counter()
    alive = 0
    for _ in range(count):
        if alive == SLOTS:
            os.waitpid(-1, 0)
            alive -= 1
        os.posix_spawn(TRUE, [TRUE], {})
        alive += 1
    for _ in range(alive):
        os.waitpid(-1, 0)
    return count / (time.perf_counter() - began), (_own_cpu() - before) / count


def bulk(server: Server, count: int, task: str = "true") -> tuple[float, dict[str, float]]:
    """Queue *count* runs; return runs per second and CPU seconds per run, by process."""
    store = server.store()
    _queue(store, count, task)
    before, began = server.cpu_seconds(), time.perf_counter()
    _poke(server)
    while store.runs.figures().queued or store.runs.live():
        time.sleep(0.05)
    seconds = time.perf_counter() - began
    after = server.cpu_seconds()
    store.close()
    return count / seconds, {name: (after[name] - before[name]) / count for name in after}


def _queue(store: object, count: int, task: str) -> None:
    from jobsched.storage import Store, newruns

    assert isinstance(store, Store)
    new = NewRun(name=task, task=task, created_us=clock.now_us())
    with store.database.write() as connection:
        for _ in range(count):
            newruns.insert(store.database, connection, new, None)


def _poke(server: Server) -> None:
    from jobsched.wake import Wake

    wake = Wake(server.data)
    wake.notify("supervisor")
    wake.close()


def _own_cpu() -> float:
    return sum(
        sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    count = parser.parse_args().runs
    bare_before, cpu_before = reference(count)
    with serving({"true": TRUE}) as server:
        bulk(server, 50)
        rate, cpu = bulk(server, count)
    bare_after, cpu_after = reference(count)
    bare = (bare_before + bare_after) / 2
    show([Figure(workload="b3 scripts", unit="runs", rate=rate, reference=bare, target=TARGET)])
    bare_cpu = (cpu_before + cpu_after) / 2
    print(f"CPU per run, ms: {sum(cpu.values()) * 1000:.2f}, bare loop {bare_cpu * 1000:.2f}")
    print("  " + ", ".join(f"{name} {value * 1000:.2f}" for name, value in cpu.items()))


if __name__ == "__main__":
    main()
