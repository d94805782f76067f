"""Runs of a real server, for tests: asking for one, looking at it, waiting for what it becomes."""

from typing import Any

from tests.support.server import Server
from tests.support.waiting import until

Row = dict[str, Any]


def start(server: Server, task: str, **more: object) -> int:
    """Ask for one run of *task*, without a job; return its id."""
    return id_of(server.post("/runs", json={"task": task, **more}))


def id_of(response: Any) -> int:
    """Return the id of the run that an answer's Location names."""
    assert response.status_code == 202, response.text
    return int(response.headers["Location"].rsplit("/", 1)[1])


def row(server: Server, run: int) -> Row:
    """Return what the API says about *run*."""
    answer: Row = server.get(f"/runs/{run}").json()
    return answer


def reaches(server: Server, run: int, state: str, seconds: float = 20) -> Row:
    """Wait until *run* is in *state* and return its row."""
    last: Row = {}

    def reached() -> bool:
        nonlocal last
        last = row(server, run)
        return bool(last["state"] == state)

    until(reached, seconds, f"run {run} is {state}: {last}")
    return last


def done(server: Server, run: int, seconds: float = 20) -> Row:
    """Wait for the end of *run* and return its row."""
    return reaches(server, run, "done", seconds)


def output(server: Server, run: int, stream: str = "out", **query: object) -> bytes:
    """Return what *run* wrote to *stream*, as bytes."""
    response = server.get(f"/runs/{run}/output", params={"stream": stream, **query}, timeout=60)
    assert response.status_code == 200, response.text
    return bytes(response.content)
