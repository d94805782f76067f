"""Telling the server, in a thread that nobody waits for longer than a moment."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jobsched.client.failures import ClientError, Closed, Refused
from jobsched.execution.wrap import spool

if TYPE_CHECKING:
    from pathlib import Path

    from jobsched.client.access import Access

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 3.0
LONGEST = 4.0  # seconds after the command's end in which it can be told
_USUAL_BEAT = 30.0
_SLOW = 0.5  # seconds
_RECENTLY = 60.0  # a server that was slow to fail so long ago is not asked once more at the end
_MOST_FLUSHED = 20
_HOPELESS = frozenset({400, 413, 422})
Json = dict[str, Any]


class Teller:
    """Tells reports to the server that *find* names."""

    def __init__(self, find: Callable[[], "Access"]) -> None:
        self._find = find
        self.url: str | None = None

    def put(self, key: str, report: Json) -> Json:
        """Return the server's answer to a report. Raises: ClientError."""
        from jobsched.client.connection import Connection

        access = self._find()
        self.url = access.url
        connection = Connection(access)
        connection.connect_seconds, connection.answer_seconds = CONNECT_SECONDS, ANSWER_SECONDS
        connection.busy_tries = 2
        try:
            return connection.ask("PUT", f"/reports/{key}", json_body=report).json
        finally:
            connection.close()

    def flush(self, folder: "Path", go_on: Callable[[], bool]) -> int:
        """Tell what waits in *folder* as long as *go_on* says so; return how many were told.

        Raises: ClientError when the server is away or lets nobody in; OSError.
        """

        def tell(key: str, report: Json) -> bool:
            if not go_on():
                return False
            try:
                self.put(key, report)
            except Refused as refusal:
                if refusal.status in {401, 403, 429, 503}:
                    raise
                return is_hopeless(refusal)  # else, as of a job that is not there, in 30 days
            return True

        self.url = self._find().url
        return spool.flush(folder, self.url, tell)


class Reporter:
    """Tells of one command from its start to its end; *wish* does what the server asks for."""

    def __init__(
        self, teller: Teller, entry: spool.Entry, report: Json, wish: Callable[[str], None]
    ) -> None:
        self._teller, self._entry, self._report, self._wish = teller, entry, report, wish
        self._key = entry.path.stem
        self._ended, self._done = threading.Event(), threading.Event()
        self._end: Json = {}
        self._slow_at = float("-inf")
        self.failure: Exception | None = None
        self.told = False
        threading.Thread(target=self._work, name="reporter", daemon=True).start()

    def end(self, end: Json) -> bool:
        """Tell how it ended; return whether the server knows. It takes LONGEST at the most."""
        self._end = end
        self._ended.set()
        self._done.wait(LONGEST)
        return self.told

    def _work(self) -> None:
        try:
            self._tell_all()
        except Exception as error:  # the thread's edge: the command must not notice
            self.failure = error
        finally:
            self._done.set()

    def _tell_all(self) -> None:
        pause, waiting = 0.0, True
        while not self._ended.wait(pause):
            pause = self._beat()
            if waiting and self.failure is None:
                waiting = False
                self._flush(lambda: not self._ended.is_set())
        if time.monotonic() - self._slow_at < _RECENTLY:
            return
        if self._tell(self._end):
            self.told = True
            until = time.monotonic() + 1
            self._flush(lambda: time.monotonic() < until)

    def _beat(self) -> float:
        """Give a sign of life; return the seconds until the next."""
        answer = self._tell(self._report)
        if answer is None:
            self._keep()
            return _USUAL_BEAT
        if (asked := answer.get("stop")) is not None:
            self._wish(str(asked))
        return min(max(float(answer.get("heartbeat", _USUAL_BEAT)), 0.1), _RECENTLY)

    def _tell(self, report: Json) -> Json | None:
        began, self.failure = time.monotonic(), None
        try:
            return self._teller.put(self._key, report)
        except ClientError as error:
            self.failure = error
            # Where nobody listens only this machine can have been slow.
            if time.monotonic() - began > _SLOW and not isinstance(error, Closed):
                self._slow_at = time.monotonic()
            return None

    def _keep(self) -> None:
        """Leave something, should we be killed before the end."""
        if not self._ended.is_set() and not is_hopeless(self.failure):
            self._entry.keep(self._teller.url, self._report)

    def _flush(self, go_on: Callable[[], bool]) -> None:
        left = iter(range(_MOST_FLUSHED))
        try:
            folder = self._entry.path.parent
            self._teller.flush(folder, lambda: go_on() and next(left, None) is not None)
        except (ClientError, OSError):
            pass  # it waits for the next time


def is_hopeless(error: Exception | None) -> bool:
    """Return whether the server will never take what it has refused with *error*."""
    return isinstance(error, Refused) and error.status in _HOPELESS
