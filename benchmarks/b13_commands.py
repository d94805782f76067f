"""B13: a crowd of clients that wait for their commands, and half of them leaving at once.

While they wait: how long /healthz, GET /jobs and /submit of others take (p50, p99, most). When half
of them close their connections: how long until every process of theirs is gone, and until the last
row says killed; nothing of the others may be touched.
Run with ``python -m benchmarks.b13_commands``; ``--clients`` says how many.
"""

import argparse
import http.client
import json
import os
import resource
import secrets
import socket
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.server import Server, serving

COMMAND = "sleep 600 & sleep 600"
MARK = "B13_MARK"  # a variable that our jobs inherit: others may run servers here, too
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def form(connection: http.client.HTTPConnection, path: str, **values: object) -> str:
    connection.request("POST", path, urlencode(values), FORM)
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.status == 200, text
    return text


def get(connection: http.client.HTTPConnection, path: str) -> None:
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200


def waiting(port: int) -> tuple[socket.socket, int]:
    """Return the connection of a client that waits for a command, and the command's id."""
    body = urlencode({"command": COMMAND})
    connection = socket.create_connection(("127.0.0.1", port))
    head = f"POST /submit HTTP/1.0\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    connection.sendall(f"{head}Content-Type: {FORM['Content-Type']}\r\n\r\n{body}".encode())
    answer = b""
    while not (answer.partition(b"\r\n\r\n")[2]).endswith(b"\n"):
        answer += connection.recv(4096)
    return connection, int(answer.partition(b"\r\n\r\n")[2])


def trees() -> dict[int, set[int]]:
    """Return the living processes of each of our runs, by the number in their environment."""
    found: dict[int, set[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208
        try:
            words = Path(f"/proc/{name}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"{MARK}={os.environ[MARK]}".encode() not in words:
            continue
        for word in words:
            if word.startswith(b"JOBSCHED_RUN_ID="):
                found.setdefault(int(word[16:]), set()).add(int(name))
    return found


def timed(ask: Callable[[], object], count: int) -> list[float]:
    """Return the seconds of each of *count* calls."""
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - began)
        time.sleep(0.005)
    return taken


def others(port: int, count: int) -> dict[str, list[float]]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    asked: dict[str, Callable[[], object]] = {
        "/healthz": lambda: get(connection, "/healthz"),
        "GET /jobs": lambda: get(connection, "/jobs"),
        "/submit sync=0": lambda: form(connection, "/submit", command="true", sync=0),
        "/submit sync=1": lambda: form(connection, "/submit", command="echo a"),
    }
    return {name: timed(ask, count) for name, ask in asked.items()}


def leave(port: int, leaving: list[tuple[socket.socket, int]]) -> tuple[float, float]:
    """Close connections; return the seconds until all trees are gone, and until all rows tell."""
    mine = {job for _, job in leaving}
    pids = {pid for job, tree in trees().items() if job in mine for pid in tree}
    assert len(pids) >= 2 * len(mine), len(pids)
    began = time.perf_counter()
    for connection, _ in leaving:
        connection.close()
    while any(alive(pid) for pid in pids):
        time.sleep(0.002)
    gone = time.perf_counter() - began
    listing = http.client.HTTPConnection("127.0.0.1", port)
    while form(listing, "/jobinfo", status="killed").count("\n") - 1 < len(mine):
        time.sleep(0.005)
    return gone, time.perf_counter() - began


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def measure(server: Server, clients: int, count: int) -> dict[str, object]:
    crowd = [waiting(server.port) for _ in range(clients)]
    deadline = time.monotonic() + 60
    while sum(len(tree) >= 2 for tree in trees().values()) < clients:
        assert time.monotonic() < deadline, "the commands have not started"
        time.sleep(0.1)
    taken = others(server.port, count)
    gone, told = leave(server.port, crowd[: clients // 2])
    left = {job for job, tree in trees().items() if len(tree) >= 2}
    assert left == {job for _, job in crowd[clients // 2 :]}, "others were touched"
    for connection, _ in crowd:
        connection.close()
    return {
        "trees gone": gone,
        "rows killed": told,
        **{
            name: {
                "p50": statistics.median(values),
                "p99": statistics.quantiles(values, n=100)[-1],
                "most": max(values),
            }
            for name, values in taken.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--requests", type=int, default=200, help="of each kind")
    given = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
    os.environ[MARK] = secrets.token_hex(8)
    settings = f'CAPACITY = {given.clients + 20}\nENVIRONMENT = ["PATH", "{MARK}"]\n'
    with serving({}, settings=settings) as server:
        figures = measure(server, given.clients, given.requests)
    for name, value in figures.items():
        print(f"{name:16} {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
