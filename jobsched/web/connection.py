"""A client's connection: gathers the heads of its requests without blocking, and closes kindly."""

import socket
import ssl
from typing import Any

from gunicorn import util
from gunicorn.http import get_parser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn

from jobsched import clock
from jobsched.web.refusals import TooSlow

IDLE_SECONDS = 30.0  # before the first byte of a request
HEAD_SECONDS = 10.0  # from the first byte of a request to the end of its head
SLOWEST = 16_384  # bytes of body a second that buy more time
SEND_SECONDS = 30.0  # for one piece of an answer
LINGER_SECONDS = 2.0
# What a client may still send after its answer, such as the rest of a body that is too large: if
# it were not taken, the kernel would reset the connection and the answer would be lost.
LINGER_BYTES = 1 << 25
LARGEST_HEAD = 65_536  # what the loop gathers; a longer one is left to the parser's limits
NOT_YET = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class PatientUnreader(SocketUnreader):  # type: ignore[misc]
    """Reads a connection, but not beyond :attr:`deadline`."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self.deadline = 0.0

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next bytes.

        Raises: TooSlow when there are none in time.
        """
        left = self.deadline - clock.monotonic()
        if left <= 0:
            raise TooSlow
        usual = self.sock.gettimeout()
        self.sock.settimeout(left if usual is None else min(left, usual))
        try:
            data: bytes = super().chunk(size_hint)
        except TimeoutError:
            raise TooSlow from None
        finally:
            self.sock.settimeout(usual)
        self.deadline += len(data) / SLOWEST
        return data


class Connection(TConn):  # type: ignore[misc]
    """A client's connection, and what has come of the head of its next request."""

    parser: Any
    sock: Any

    def __init__(self, *details: Any) -> None:
        super().__init__(*details)
        self.head = bytearray()
        self.data_ready = True  # threads get whole heads only: nothing to wait for there
        self.timeout = clock.monotonic() + self.patience
        self._closed = False

    @property
    def patience(self) -> float:
        """How many seconds the client may take until it begins."""
        return IDLE_SECONDS

    def gather(self) -> bool:
        """Take what has come, without blocking; return whether a thread can go on with it.

        That is so when the head is whole, too long or bare of CR, and when the client is gone.
        """
        try:
            data = self.sock.recv(LARGEST_HEAD)
        except NOT_YET:
            return False
        except OSError:
            return True
        if not self.head:
            self.timeout = clock.monotonic() + HEAD_SECONDS
        self.head += data
        if not data or len(self.head) > LARGEST_HEAD:
            return True
        return b"\r\n\r\n" in self.head or b"\n\n" in self.head

    def init(self) -> None:
        """Make ready for parsing in a thread; called once per request."""
        if self.parser is None:
            self.initialized = True
            self.parser = get_parser(self.cfg, self.sock, self.client)
            self.parser.unreader = PatientUnreader(self.sock)
        self.parser.unreader.deadline = clock.monotonic() + HEAD_SECONDS
        self.parser.unreader.unread(bytes(self.head))
        self.head.clear()
        self.sock.settimeout(SEND_SECONDS)

    def keep_the_rest(self) -> None:
        """Let the parser have what has been taken from the network already; here nothing."""

    def linger(self) -> None:
        """Close from inside the request's thread, so that the client can read its answer."""
        if not self._closed:
            self._closed = True
            util.close_graceful(self.sock, LINGER_SECONDS, LINGER_BYTES)

    def close(self, graceful: bool = False) -> None:
        """Close at once; never blocks, never raises."""
        self._closed = True
        util.close(self.sock)
