"""Requests that wait for a run to end: ``Prefer: wait=N`` (RFC 7240).

The thread of the request sleeps; :mod:`jobsched.web.watching` wakes it. No database connection
is held meanwhile.
"""

import re
import socket
from dataclasses import dataclass

from flask import Flask, current_app, request

from jobsched import clock
from jobsched.errors import RunAlreadyFinished, Unavailable, UnknownRun
from jobsched.model import EndedBy, Run, RunState
from jobsched.web.context import caller, operations
from jobsched.web.watching import Notice, Waiter, Watcher

LONGEST_WAIT = 300
_WAIT = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """What a client would like: to wait *wait* seconds, and what its going away means."""

    wait: float | None = None
    cancel_on_disconnect: bool = False


def install(app: Flask, watcher: Watcher) -> None:
    """Let the requests of *app* wait through *watcher*."""
    app.extensions["jobsched.watcher"] = watcher


def prefer() -> Preference:
    """Return what the Prefer headers say; what they say wrongly is as if not said.

    To be called before anything is done: it is refused here when too many wait already.

    Raises: Unavailable when as many requests wait as may.
    """
    wait, cancel = None, False
    for part in request.headers.get("Prefer", "").lower().split(","):
        name, _, value = (piece.strip() for piece in part.split(";")[0].partition("="))
        if name == "wait" and wait is None and _WAIT.fullmatch(value.strip('"')):
            wait = min(float(value.strip('"')), LONGEST_WAIT)
        cancel = cancel or name == "cancel-on-disconnect"
    if wait:
        _watcher().require_room()
    return Preference(wait=wait, cancel_on_disconnect=cancel)


def watch(run_id: int | None) -> Waiter:
    """Return a waiter for the present request.

    Raises: Unavailable when as many requests wait as may.
    """
    return _watcher().watch(run_id, client())


def client() -> socket.socket | None:
    """Return the connection of the present request, None where there is none (in tests)."""
    found: socket.socket | None = request.environ.get("gunicorn.socket")
    return found


def _watcher() -> Watcher:
    found: Watcher = current_app.extensions["jobsched.watcher"]
    return found


def finish(run_id: int, preference: Preference) -> bool:
    """Wait for a run's end as long as the client likes; return whether it came."""
    if not preference.wait:
        return False
    try:
        with watch(run_id) as waiter:
            news = _last_news(waiter, preference.wait)
    except Unavailable:
        return False  # others were faster; the run is there all the same
    if news is Notice.GONE:
        _left(run_id, preference)
    return isinstance(news, Run)


def _last_news(waiter: Waiter, seconds: float) -> Run | Notice | None:
    """Return the finished run, or why there is none."""
    deadline = clock.monotonic() + seconds
    while (left := deadline - clock.monotonic()) > 0:
        news = waiter.next(left)
        if isinstance(news, Notice) or (news is not None and news.state is RunState.DONE):
            return news
    return None


def _left(run_id: int, preference: Preference) -> None:
    """Let the run go on without its client, unless that said otherwise."""
    if not preference.cancel_on_disconnect:
        return
    try:
        operations.runs.stop(run_id, caller(), "The client went away.", ended_by=EndedBy.DISCONNECT)
    except (RunAlreadyFinished, UnknownRun):
        return  # it was faster
