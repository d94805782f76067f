"""Answers that go on: server-sent events about runs, and output as it is written.

The stream ends when its run does, when the client goes away or when the server stops.
"""

import json
from collections.abc import Iterator

from flask import Response, current_app

from jobsched import clock
from jobsched.execution.output import Output
from jobsched.execution.places import output_path
from jobsched.model import Run, RunState
from jobsched.operations import Operations
from jobsched.web import waiting
from jobsched.web.context import EXTENSION, operations
from jobsched.web.followed import Followed
from jobsched.web.watching import Notice, Waiter

PING_SECONDS = 15.0
LOOK_SECONDS = 0.25  # between two looks at the files of a living run
_LIVE = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def all_events() -> Response:
    """Return the stream of all runs' changes from now on.

    Raises: Unavailable when as many requests wait as may.
    """
    return _event_stream(waiting.watch(None))


def run_events(run_id: int) -> Response:
    """Return the stream of one run's states: the present one first, done as the last.

    Raises: UnknownRun; Unavailable when as many requests wait as may.
    """
    operations.runs.get(run_id)
    return _event_stream(waiting.watch(run_id))


def follow(run_id: int, stream: str, offset: int = 0) -> Response:
    """Return *stream* (out, err, both) of a run from *offset* on, as it is written.

    Raises: UnknownRun; Unavailable when as many requests wait as may.
    """
    run = operations.runs.get(run_id)
    verbs: Operations = current_app.extensions[EXTENSION]
    waiter = waiting.watch(run_id)
    pieces = _pieces(waiter, verbs, run, stream, offset)
    return _response(waiter, pieces, "text/plain; charset=utf-8")


def _event_stream(waiter: Waiter) -> Response:
    return _response(waiter, _events(waiter), "text/event-stream; charset=utf-8")


def _response(waiter: Waiter, pieces: Iterator[bytes], content_type: str) -> Response:
    response = Response(pieces, content_type=content_type)
    response.headers.update(_LIVE)
    # Not left to the generator: one that was never begun (HEAD) would never free its place.
    response.call_on_close(waiter.leave)
    return response


def _events(waiter: Waiter) -> Iterator[bytes]:
    yield b": jobsched\n\n"
    while not isinstance(news := waiter.next(PING_SECONDS), Notice):
        yield b":\n\n" if news is None else _event(news)
        if news is not None and waiter.run_id is not None and news.state is RunState.DONE:
            return


def _event(run: Run) -> bytes:
    facts = {
        "run": run.id,
        "job": run.job_id,
        "name": run.name,
        "task": run.task,
        "state": run.state,
        "outcome": run.outcome,
        "exit_code": run.exit_code,
        "at": clock.now().isoformat().replace("+00:00", "Z"),
    }
    return f"event: run\ndata: {json.dumps(facts)}\n\n".encode()


def _pieces(
    waiter: Waiter, verbs: Operations, run: Run, stream: str, offset: int
) -> Iterator[bytes]:
    yield b""  # the head of the answer goes out at once, however long nothing is written
    both = Followed(verbs, offset)
    news: Run | Notice | None = None
    while not isinstance(news, Notice):
        run = news or run
        # Asked before reading: what is written until the end is read after it was seen.
        finished = run.state is RunState.DONE
        for block in both.news(run) if stream == "both" else _one(verbs, run, stream, offset):
            offset += len(block)
            yield block
        if finished:
            return
        news = waiter.next(LOOK_SECONDS)


def _one(verbs: Operations, run: Run, stream: str, offset: int) -> Iterator[bytes]:
    return _output(verbs, run).blocks(stream, offset)


def _output(verbs: Operations, run: Run) -> Output:
    """Return what there is of a run's output; of a living one without asking the database."""
    if run.state is RunState.DONE:
        return verbs.outputs.of(run)
    runs_dir = verbs.configuration.settings.runs_dir
    return Output.in_files(output_path(runs_dir, run.id, run.claim))
