"""gunicorn's threaded worker, made safe against slow and broken clients.

Differences to the original (27.0), each with its reason:

- Request heads are gathered by the accepting loop; a thread is taken only for a whole head, so
  that idle and half-sent connections cost a descriptor and nothing else.
- Head and body have deadlines (the body's grows with what has come); past it: 408.
- Lingering closes happen in the request's thread. The original does them in the accepting loop,
  where one client that keeps its end open stops all others for two seconds.
- What gunicorn refuses itself is problem+json, without an echo of what was sent.
"""

import errno
import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn import util
from gunicorn.http import errors as broken
from gunicorn.http import get_parser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker
from werkzeug.exceptions import BadRequest, ClientDisconnected, RequestTimeout

from jobsched import clock
from jobsched.web import problems, refusals
from jobsched.web.refusals import TooSlow

IDLE_SECONDS = 30.0  # before the first byte of a request
HEAD_SECONDS = 10.0  # from the first byte of a request to the end of its head
BODY_SECONDS = 20.0
SLOWEST = 16_384  # bytes of body a second that buy more time
SEND_SECONDS = 30.0  # for one piece of an answer
LINGER_SECONDS = 2.0
# What a client may still send after its answer, such as the rest of a body that is too large: if
# it were not taken, the kernel would reset the connection and the answer would be lost.
LINGER_BYTES = 1 << 25
LARGEST_HEAD = 65_536  # what the loop gathers; a longer one is left to the parser's limits
ACCEPT_AT_ONCE = 64
SWEEP_EVERY = 0.5
SHORT_SECONDS = 0.05  # until the next try to accept without a free descriptor


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

    def __init__(self, *details: Any) -> None:
        super().__init__(*details)
        self.head = bytearray()
        self.data_ready = True  # threads get whole heads only: nothing to wait for there
        self.timeout = clock.monotonic() + IDLE_SECONDS
        self._closed = False

    def gather(self) -> bool:
        """Take what has come, without blocking; return whether a thread can go on with it.

        That is so when the head is whole, too long or bare of CR, and when the client is gone.
        """
        try:
            data = self.sock.recv(LARGEST_HEAD)
        except (BlockingIOError, InterruptedError):
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

    def linger(self) -> None:
        """Close from inside the request's thread, so that the client can read its answer."""
        if not self._closed:
            self._closed = True
            util.close_graceful(self.sock, LINGER_SECONDS, LINGER_BYTES)

    def close(self, graceful: bool = False) -> None:
        """Close at once; never blocks, never raises."""
        self._closed = True
        util.close(self.sock)


class Body:
    """A request's body whose faults are the client's, not ours."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def read(self, size: int | None = None) -> bytes:
        """Return up to *size* bytes.

        Raises: BadRequest, RequestTimeout, ClientDisconnected.
        """
        return self._safely(self._body.read, size)

    def readline(self, size: int | None = None) -> bytes:
        """Return one line, under the same conditions."""
        return self._safely(self._body.readline, size)

    def _safely(self, read: Callable[[int | None], bytes], size: int | None) -> bytes:
        try:
            return read(None if size is None or size < 0 else size)
        except broken.NoMoreData:
            raise ClientDisconnected from None
        except broken.ParseException:
            raise BadRequest("The chunks of the body are broken.") from None
        except OSError:
            raise ClientDisconnected from None


class Worker(ThreadWorker):  # type: ignore[misc]
    """Serves until *stopping* is set; calls *beat* at least every second."""

    def __init__(self, *details: Any, beat: Callable[[], None], stopping: threading.Event) -> None:
        super().__init__(*details)
        self._beat, self._stopping = beat, stopping
        self._gathering: set[Connection] = set()
        self._swept = 0.0
        self._short = False  # of descriptors, when a connection was to be accepted

    def init_signals(self) -> None:
        """TERM and INT end this worker in order; nothing else is gunicorn's business here."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
            signal.siginterrupt(number, False)

    def handle_exit(self, sig: int, frame: object) -> None:
        """Begin an orderly end; asked for a second time, end at once."""
        if not self.alive:
            os._exit(0)  # its threads may wait for clients that never answer
        self._stopping.set()
        super().handle_exit(sig, frame)

    def notify(self) -> None:
        """Show a sign of life, and see whether the end was asked for."""
        self._beat()
        if self._stopping.is_set():
            self.alive = False

    def load_wsgi(self) -> None:
        """Build the application; its bodies are :class:`Body`."""
        application = self.app.wsgi()

        def guarded(environ: dict[str, Any], start_response: Any) -> Any:
            environ["wsgi.input"] = Body(environ["wsgi.input"])
            return application(environ, start_response)

        self.wsgi = guarded

    def accept(self, listener: Any) -> None:
        """Take the connections that wait, and wait for their requests' heads."""
        for _ in range(ACCEPT_AT_ONCE):
            try:
                client, address = listener.accept()
            except OSError as error:
                if error.errno in {errno.EAGAIN, errno.ECONNABORTED, errno.EPROTO}:
                    return
                self._short = True
                return
            self.nr_conns += 1
            self._await_head(Connection(self.cfg, client, address, listener.getsockname()))

    def on_client_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Go on with a connection that was kept alive."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._await_head(conn)

    def murder_pending(self) -> None:
        """End the connections whose time is over; when stopping, all that asked for nothing."""
        now = clock.monotonic()
        if self._short:
            self._give_back()
        if now - self._swept >= SWEEP_EVERY or not self.alive:
            self._swept = now
            self._sweep(idle_too=not self.alive)

    def handle(self, conn: Connection) -> Any:
        """Serve one request in this thread."""
        keep = super().handle(conn)
        if not keep:
            conn.linger()
        return keep

    def handle_request(self, req: Any, conn: Connection) -> Any:
        """Serve one request whose head has been read."""
        conn.parser.unreader.deadline = clock.monotonic() + BODY_SECONDS
        return super().handle_request(req, conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Tell a client why its request was not even passed on."""
        problem = refusals.problem(exc)
        if problem["status"] == 500:
            self.log.error("connection failed", exc_info=exc)
        else:
            self.log.debug("request refused reason=%s", type(exc).__name__)
        _send(client, problem)

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except (RequestTimeout, broken.ParseException):
            return False  # the rest of the body never came; the answer has been sent

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(min(deadline, clock.monotonic() + 0.2))

    def _await_head(self, conn: Connection) -> None:
        conn.sock.setblocking(False)
        conn.timeout = clock.monotonic() + IDLE_SECONDS
        if conn.gather():
            self.enqueue_req(conn)
            return
        self._gathering.add(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self._go_on, conn))

    def _go_on(self, conn: Connection, client: socket.socket) -> None:
        if conn.gather():
            self.poller.unregister(client)
            self._gathering.discard(conn)
            self.enqueue_req(conn)

    def _sweep(self, *, idle_too: bool) -> None:
        now = clock.monotonic()
        for conn in tuple(self._gathering):
            if conn.timeout <= now or (idle_too and not conn.head):
                self._drop(conn)

    def _give_back(self) -> None:
        """End the connections of idle clients; where there are none, wait instead of spinning."""
        self._short = False
        before = self.nr_conns
        self._sweep(idle_too=True)
        self.murder_keepalived(force=True)
        if self.nr_conns == before:
            self._stopping.wait(SHORT_SECONDS)

    def _drop(self, conn: Connection) -> None:
        self._gathering.discard(conn)
        self.poller.unregister(conn.sock)
        if conn.head:
            self.handle_error(None, conn.sock, conn.client, TooSlow())
        self.nr_conns -= 1
        conn.close()


def _send(client: socket.socket, problem: Mapping[str, object]) -> None:
    """Send a problem and nothing after it; a client that does not take it has none."""
    body = problems.render(problem)
    head = (
        f"HTTP/1.1 {problem['status']} {problem['title']}\r\nConnection: close\r\n"
        f"Content-Type: {problems.MEDIA_TYPE}\r\n"
        f"X-Content-Type-Options: nosniff\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    try:
        client.setblocking(False)
        client.send(head.encode("ascii") + body)
    except OSError:
        return
