"""gunicorn's threaded worker, made safe against slow and broken clients.

Differences to the original (27.0), each with its reason:

- Request heads are gathered by the accepting loop; a thread is taken only for a whole head, so
  that idle and half-sent connections cost a descriptor and nothing else.
- TLS handshakes are made by the accepting loop too (:mod:`jobsched.web.encryption`).
- Head and body have deadlines (the body's grows with what has come); past it: 408.
- Lingering closes happen in the request's thread. The original does them in the accepting loop,
  where one client that keeps its end open stops all others for two seconds.
- What gunicorn refuses itself is problem+json, without an echo of what was sent.
"""

import errno
import os
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.http import errors as broken
from gunicorn.workers.gthread import ThreadWorker
from werkzeug.exceptions import BadRequest, ClientDisconnected, RequestTimeout

from jobsched import clock
from jobsched.web import problems, refusals
from jobsched.web.connection import Connection
from jobsched.web.refusals import TooSlow

BODY_SECONDS = 20.0
ACCEPT_AT_ONCE = 64
SWEEP_EVERY = 0.5
SHORT_SECONDS = 0.05  # until the next try to accept without a free descriptor


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
    """Serves until *stopping* is set; calls *beat* at least every second.

    *connect* makes a connection of what :class:`Connection` is made of.
    """

    def __init__(
        self,
        *details: Any,
        beat: Callable[[], None],
        stopping: threading.Event,
        connect: Callable[..., Connection] = Connection,
    ) -> None:
        super().__init__(*details)
        self._beat, self._stopping, self._connect = beat, stopping, connect
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
            return application(environ, _obeying(start_response))

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
            self._await_head(self._connect(self.cfg, client, address, listener.getsockname()))

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
        if isinstance(exc, ssl.SSLError):
            self.log.debug("connection ended reason=%s", exc.reason)
            return  # what it does not encrypt as agreed is no request; there is no way to answer
        problem = refusals.problem(exc)
        if problem["status"] == 500:
            self.log.error("connection failed", exc_info=exc)
        else:
            self.log.debug("request refused reason=%s", type(exc).__name__)
        _send(client, problem)

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:
        try:
            keep = bool(super()._keepalive_after(conn, keepalive))
            if keep:
                conn.keep_the_rest()
        except (RequestTimeout, broken.ParseException):
            return False  # the rest of the body never came; the answer has been sent
        return keep

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(min(deadline, clock.monotonic() + 0.2))

    def _await_head(self, conn: Connection) -> None:
        conn.sock.setblocking(False)
        conn.timeout = clock.monotonic() + conn.patience
        if conn.gather():
            self.enqueue_req(conn)
            return
        self._gathering.add(conn)
        # By number: a handshake makes another object of the socket.
        self.poller.register(conn.sock.fileno(), EVENT_READ, partial(self._go_on, conn))

    def _go_on(self, conn: Connection, client: int) -> None:
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
        self.poller.unregister(conn.sock.fileno())
        if conn.head:
            self.handle_error(None, conn.sock, conn.client, TooSlow())
        self.nr_conns -= 1
        conn.close()


def _obeying(start_response: Any) -> Any:
    """Return *start_response* with regard for ``Connection: close``, which gunicorn drops."""

    def start(status: str, headers: Sequence[tuple[str, str]], *more: Any) -> Any:
        if ("Connection", "close") in headers:
            start_response.__self__.force_close()
        return start_response(status, headers, *more)

    return start


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
