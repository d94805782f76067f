"""B4: from an HTTP "run now" to the script's first instruction, on an idle server.

The script is a static program's nearest kin, ``sh`` with one builtin; it writes its start into a
pipe that the benchmark reads, so that both sides are stamped by one clock. The request is ready
beforehand and sent over a connection that is kept alive; the reference spawns the same script.
Run with ``python -m benchmarks.b4_latency``; on a machine that others use too, ``chrt -r 1``
before it lets server, client and reference alike run as if it were idle.
"""

import argparse
import http.client
import json
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.server import serving

SCRIPT = "#!/bin/sh\necho x > {fifo}\n"
BODY = json.dumps({"task": "stamp"})
REQUEST = (
    "POST /runs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    f"Content-Length: {len(BODY)}\r\n\r\n{BODY}"
).encode("ascii")


class Stamp:
    """A script whose first instruction is seen at once."""

    def __init__(self, folder: Path) -> None:
        self.script, self._fifo = folder / "stamp.sh", folder / "fifo"
        os.mkfifo(self._fifo)
        self.script.write_text(SCRIPT.format(fifo=self._fifo))
        self.script.chmod(0o755)
        self._end = os.open(self._fifo, os.O_RDWR)

    def delay(self, start: Callable[[], None]) -> float:
        """Return the seconds from the call of *start* to the script's first instruction."""
        began = time.perf_counter()
        start()
        os.read(self._end, 16)
        return time.perf_counter() - began


def spawn(stamp: Stamp) -> Callable[[], None]:
    """Return what starts the script directly."""
    path = str(stamp.script)

    def start() -> None:
        os.posix_spawn(path, [path], {"PATH": os.environ["PATH"]})

    return start


def finish(connection: socket.socket) -> None:
    """Read the answer, which may come after the script has begun."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    assert response.status == 202, response.read()
    response.read()


def measure(port: int, stamp: Stamp, count: int) -> tuple[list[float], list[float]]:
    """Return the delays of both ways, taken in turn so that they share the machine's noise."""
    connection = socket.create_connection(("127.0.0.1", port))
    ours, bare = [], []
    for number in range(count + 5):
        delay = stamp.delay(lambda: connection.sendall(REQUEST))
        finish(connection)
        time.sleep(0.05)  # idle again: settled and told
        reference = stamp.delay(spawn(stamp))
        os.waitpid(-1, 0)
        if number >= 5:
            ours.append(delay)
            bare.append(reference)
    connection.close()
    return ours, bare


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    count = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        stamp = Stamp(Path(name))
        with serving({"stamp": str(stamp.script)}) as server:
            ours, bare = measure(server.port, stamp, count)
    print(f"{'':<6}{'ours, ms':>10}{'spawn, ms':>11}{'ratio':>8}{'target':>8}")
    figures = {}
    for percent, target in ((50, 2.5), (99, 4.0)):
        a, b = _percentile(ours, percent) * 1000, _percentile(bare, percent) * 1000
        figures[f"p{percent}"] = {"ours_ms": a, "spawn_ms": b, "ratio": a / b, "target": target}
        print(f"p{percent:<5}{a:>10.2f}{b:>11.2f}{a / b:>8.2f}{target:>8.1f}")
    print(json.dumps({"workload": "b4 latency", "figures": figures}))


if __name__ == "__main__":
    main()
