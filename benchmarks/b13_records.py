"""B13: failed records: one run with 100,000 of them, listed, retried, and settled each time.

A Python task reports them, a retry fails with all of them again, a second one resolves them.
*settle* is from the end of the task's process to the end in the rows; *beside* is the longest
that a run of ``/bin/true`` took from its request to its end while that went on, beside what it
takes otherwise. Run with ``python -m benchmarks.b13_records``.
"""

import argparse
import json
import threading
import time
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.server import Server, serving

CATALOG = """
[records]
file=tasks.py
class=Records
jobsched.params=count
"""
CODE = """
class Records:
    def __call__(self, info):
        import sys, os
        sys.stderr = open(os.devnull, "w")
        if info.attempt == 3:
            assert len(info.records) == info.params["count"]
            return
        every = ({"customer": n, "name": f"N. {n}"} for n in range(info.params["count"]))
        for data in info.records or every:
            info.error("no such customer", data, code="E404")
        sys.stderr = sys.__stderr__
"""


class Client:
    """Requests to the server."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def ask(self, method: str, path: str, body: object = None) -> Any:
        url = path if path.startswith("http") else self._url + path
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=120) as response:  # noqa: S310
            return json.loads(response.read())

    def start(self, task: str, **params: object) -> int:
        body = {"task": task, "params": params} if params else {"task": task}
        return int(self.ask("POST", "/runs", body)["id"])

    def done(self, run: int) -> Any:
        while (row := self.ask("GET", f"/runs/{run}"))["state"] != "done":
            time.sleep(0.02)
        return row


class Beside(threading.Thread):
    """Short runs, one after the other; *longest* is that of the slowest, in seconds."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client
        self._over = threading.Event()
        self.longest = 0.0
        self.count = 0

    def run(self) -> None:
        while not self._over.is_set():
            began = time.perf_counter()
            run = self._client.start("true")
            self._client.ask("GET", f"/runs/{run}")
            self._client.done(run)
            self.longest = max(self.longest, time.perf_counter() - began)
            self.count += 1

    def end(self) -> float:
        self._over.set()
        self.join()
        return self.longest


def peak(server: Server, name: str) -> float:
    """Return the peak memory of a process of the server, in MB."""
    pid = next(pid for pid, what in server.processes().items() if what == name)
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("There is no peak memory.")


def timed(what: str, ask: Any) -> Any:
    began = time.perf_counter()
    found = ask()
    print(f"{what:<34}{(time.perf_counter() - began) * 1000:>12,.0f} ms")
    return found


def attempt(client: Client, server: Server, what: str, run: int) -> Any:
    """Wait for the end of *run*, with short runs beside it; print what that took."""
    short = Beside(client)
    short.start()
    ended = seen = 0.0
    while True:
        row = client.ask("GET", f"/runs/{run}")
        if row["state"] == "done":
            seen = time.time()
            break
        time.sleep(0.01)
    longest = short.end()
    ended = _seconds(row["ended_at"])
    wait = ended - _seconds(row["started_at"])
    print(f"{what + ': the task':<34}{wait * 1000:>12,.0f} ms")
    print(f"{what + ': settle':<34}{(seen - ended) * 1000:>12,.0f} ms")
    print(f"{what + ': beside':<34}{longest * 1000:>12,.0f} ms   ({short.count} short runs)")
    for name in ("supervisor", "web"):
        print(f"{what + ': peak of ' + name:<34}{peak(server, name):>12,.0f} MB")
    return row


def _seconds(moment: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(moment).timestamp()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    count = parser.parse_args().records
    settings = "JOB_LIVETIME = 600\n"
    with serving({"true": "/bin/true"}, CATALOG, CODE, settings) as server:
        client = Client(server.port)
        short = Beside(client)
        short.start()
        time.sleep(1)
        print(f"{'beside nothing':<34}{short.end() * 1000:>12,.0f} ms   ({short.count} short runs)")
        print(f"{'peak of supervisor':<34}{peak(server, 'supervisor'):>12,.0f} MB")
        run = client.start("records", count=count)
        row = attempt(client, server, "first", run)
        assert row["open_records"] == count, row
        page = timed(
            "first page (1,000 records)", lambda: client.ask("GET", f"/runs/{run}/records")
        )
        pages = 1
        began = time.perf_counter()
        while page["next"]:
            page = client.ask("GET", page["next"])
            pages += 1
        each = (time.perf_counter() - began) / max(1, pages - 1)
        print(f"{'each further page':<34}{each * 1000:>12,.0f} ms   ({pages} pages)")
        for what in ("retry that fails", "retry that succeeds"):
            ask = partial(client.ask, "POST", f"/runs/{run}/retry")
            run = timed(f"{what}: asked for", ask)["id"]
            row = attempt(client, server, what, run)
            waited = _seconds(row["started_at"]) - _seconds(row["created_at"])
            print(f"{what + ': until it started':<34}{waited * 1000:>12,.0f} ms")
        failed = client.ask("GET", f"/runs/{row['retry_of']}")["counts"]["error"]
        assert (row["counts"]["success"], failed) == (count, 0)


if __name__ == "__main__":
    main()
