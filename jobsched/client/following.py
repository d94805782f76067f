"""What goes on for long: the output of a run as it is written, and waiting for its end.

Both survive a restart of the server: they ask again, and output goes on where it broke off.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPResponse, IncompleteRead

from jobsched.client.api import Api, Json
from jobsched.client.connection import NETWORK_ERRORS
from jobsched.client.failures import ClientError, Refused, TimeIsUp, Unreachable

PATIENCE = 60.0  # seconds without a server after which it is given up
OFFSET = "Output-Offset"  # where the first byte of an answer stands in the stream
_SILENCE = 45.0  # seconds; event streams say something every 15
_BLOCK = 65536
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0

Say = Callable[[str], None]


class Deadline:
    """When a wait is over: *seconds* from now, never for None."""

    def __init__(self, seconds: float | None = None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    def left(self, longest: float) -> float:
        """Return the seconds that are left, something above 0 and no more than *longest*."""
        if self._end is None:
            return longest
        return max(0.001, min(longest, self._end - time.monotonic()))

    def require(self, run_id: int) -> None:
        """Raise TimeIsUp when it is over."""
        if self._end is not None and time.monotonic() >= self._end:
            raise TimeIsUp(f"Run {run_id} has not ended yet.")


class _Patience:
    """How long the server has been away, and when that is too long."""

    def __init__(self, api: Api, say: Say) -> None:
        self._api, self._say = api, say
        self._since: float | None = None
        self._pause = _FIRST_PAUSE

    def regained(self) -> None:
        """Note that the server answers."""
        self._since, self._pause = None, _FIRST_PAUSE

    def lost(self, error: ClientError) -> None:
        """Pause before the next try.

        Raises: *error* when it does not pass by itself, or the server has been away for long, or
        always.
        """
        if not _passes(error) or not self._api.connection.reached:
            raise error
        now = time.monotonic()
        if self._since is None:
            self._since = now
            self._say("The server is away; trying again.")
        if now - self._since > PATIENCE:
            raise error
        time.sleep(self._pause)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is wanted of an output: which stream (out, err, both), how much, until when."""

    stream: str = "both"
    tail: int | None = None  # only so many lines of what is there
    follow: bool = False  # go on until the run has ended


def output(api: Api, run_id: int, part: Part, deadline: Deadline, say: Say) -> Iterator[bytes]:
    """Yield a *part* of what a run wrote, byte for byte, however often the connection breaks.

    Raises: TimeIsUp, ClientError.
    """
    place = _Place(part)
    patience = _Patience(api, say)
    done = not part.follow
    while True:
        deadline.require(run_id)
        try:
            for block in place.blocks(api, run_id, deadline):
                patience.regained()
                yield block
                deadline.require(run_id)
            if done:
                return
            # What was written between the end of the stream and this look is asked for once more.
            done = api.get(f"/runs/{run_id}")["state"] == "done"
            patience.regained()
        except TimeoutError:
            api.connection.close()  # a run that says nothing, or a server: asking again tells
        except NETWORK_ERRORS:
            api.connection.close()
            patience.lost(Unreachable("The connection broke while the output was read."))
        except ClientError as error:
            patience.lost(error)


def ended(api: Api, run_id: int, deadline: Deadline, say: Say) -> Json:
    """Wait until a run has ended and return it; *say* hears what it does meanwhile.

    Raises: TimeIsUp, ClientError.
    """
    patience = _Patience(api, say)
    while True:
        try:
            run: Json = api.get(f"/runs/{run_id}")
            patience.regained()
            if run["state"] == "done":
                return run
            say(_told(run))
            deadline.require(run_id)
            _next_change(api, run_id, run["state"], deadline)
        except TimeIsUp:
            raise
        except ClientError as error:
            deadline.require(run_id)
            patience.lost(error)


class _Place:
    """How far a stream has been read, so that it goes on there when the connection breaks."""

    def __init__(self, part: Part) -> None:
        self._part, self._tail, self._offset = part, part.tail, 0

    def blocks(self, api: Api, run_id: int, deadline: Deadline) -> Iterator[bytes]:
        """Yield what there is from here on. Raises: NETWORK_ERRORS when it breaks off."""
        live = self._stream(api, run_id)
        if self._tail is not None:
            self._tail, self._offset = None, int(live.headers.get(OFFSET, "0"))
        api.connection.patience(deadline.left(_SILENCE))
        for block in _blocks(live):
            self._offset += len(block)
            yield block
            api.connection.patience(deadline.left(_SILENCE))

    def _stream(self, api: Api, run_id: int) -> HTTPResponse:
        """Return the rest of the stream; no more than is there when too many follow already."""
        where = {"offset": self._offset} if self._tail is None else {"tail": self._tail}
        path, asked = f"/runs/{run_id}/output", {"stream": self._part.stream, **where}
        if not self._part.follow:
            return api.connection.stream(path, asked)
        try:
            return api.connection.stream(path, {**asked, "follow": True})
        except Refused as refusal:
            if refusal.status != 503:
                raise
        return api.connection.stream(path, asked)


def _next_change(api: Api, run_id: int, state: str, deadline: Deadline) -> None:
    """Wait until the run is in another state, or it is time to look what it does."""
    events = api.connection.stream(f"/runs/{run_id}/events", {})
    rest = b""
    try:
        while True:
            api.connection.patience(deadline.left(_SILENCE))
            block = events.read1(_BLOCK)
            *lines, rest = (rest + block).split(b"\n")
            if not block or any(_is_news(line, state) for line in lines):
                return
    except NETWORK_ERRORS:
        return  # the next look tells what is the matter
    finally:
        api.connection.close()


def _is_news(line: bytes, state: str) -> bool:
    """Return whether a line of an event stream tells another state, or that time has passed."""
    if line.startswith(b"data:"):
        return bool(json.loads(line[5:]).get("state") != state)
    return line == b":"


def _told(run: Json) -> str:
    """Return in a few words what a run does."""
    progress = run.get("progress") or {}
    fraction = progress.get("fraction")
    percent = None if fraction is None else f"{fraction:.0%}"
    waits = run["reason"] if run["state"] == "queued" else None
    return " ".join(word for word in (run["state"], percent, progress.get("text"), waits) if word)


def _passes(error: ClientError) -> bool:
    """Return whether waiting helps: the server is away, or as many wait as may (503)."""
    return isinstance(error, Unreachable) or (isinstance(error, Refused) and error.status == 503)


def _blocks(response: HTTPResponse) -> Iterator[bytes]:
    """Yield a body as it comes. Raises: IncompleteRead, OSError when it breaks off."""
    live = response.length is None
    while block := response.read1(_BLOCK) if live else response.read(_BLOCK):
        yield block
    if not live and response.length:
        raise IncompleteRead(b"", response.length)
