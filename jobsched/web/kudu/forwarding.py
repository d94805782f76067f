"""Handing a request on to a server on this machine's loopback address, both ways as a stream."""

import errno
import re
import select
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import ClientDisconnected

from jobsched.errors import Unavailable
from jobsched.web import waiting

LOOPBACK = "127.0.0.1"
MOST = 128  # at once: each holds a thread
MOST_OF_ONE = 32  # of these to one job, so that those of others are answered
SILENCE = 100.0  # seconds without a byte after which nobody waits any longer (.NET's default)
BLOCK = 65_536
# What concerns one connection only (RFC 9110, 7.6.1), and what is between the client and us.
_HOP = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
    "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
_OURS = frozenset({"host", "content-length", "expect", "authorization", "cookie"})
_NOT_BACK = frozenset({"set-cookie", "content-security-policy"})
# What a job shows must not act as if it were one of our own pages.
_APART = ("Content-Security-Policy", "sandbox allow-scripts allow-forms; frame-ancestors 'none'")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_GONE = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)
_places: Counter[int] = Counter()  # by port
_guard = threading.Lock()


class Unreachable(Exception):
    """Nobody answers there, or not in HTTP."""


def forward(port: int, target: str) -> Response:
    """Return what the server at *port* answers to the present request, put to its *target*.

    Method, query, headers and body are those of the request.

    Raises: Unreachable; Unavailable when as many requests are being handed on as may.
    """
    _take_place(port)
    connection = HTTPConnection(LOOPBACK, port, timeout=SILENCE)
    try:
        answer = _asked(connection, quote(target, safe=_PRINTABLE))
    except BaseException as error:
        _leave(connection, port)
        if isinstance(error, OSError | HTTPException | ValueError):
            raise Unreachable(str(error) or type(error).__name__) from error
        raise
    response = Response(_body(answer), answer.status)
    response.headers.clear()
    response.headers.extend(_end_to_end(answer.getheaders(), _NOT_BACK))
    response.headers.add(*_APART)
    response.call_on_close(lambda: _leave(connection, port))
    return response


def _take_place(port: int) -> None:
    with _guard:
        if _places[port] >= MOST_OF_ONE:
            raise Unavailable(f"{MOST_OF_ONE} requests are being handed on to this job already.")
        if _places.total() >= MOST:
            raise Unavailable(f"{MOST} requests are being handed on to jobs already.")
        _places[port] += 1


def _leave(connection: HTTPConnection, port: int) -> None:
    connection.close()
    with _guard:
        _places[port] -= 1
        if not _places[port]:
            del _places[port]


def _asked(connection: HTTPConnection, target: str) -> HTTPResponse:
    headers = dict(_end_to_end(request.headers.items(), _OURS))
    body: Iterable[bytes] | None = None
    length = request.content_length
    if length is None and "Transfer-Encoding" in request.headers:
        headers["Transfer-Encoding"], body = "chunked", _blocks()
    elif length is not None:
        headers["Content-Length"], body = str(length), _blocks()
    chunked = "Transfer-Encoding" in headers
    # Who refuses a large body early may have answered by the time that sending it fails.
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.request(request.method, target, body, headers, encode_chunked=chunked)
    _await_answer(connection)
    answer = connection.getresponse()
    if answer.status < 200:
        raise HTTPException(f"it answers with {answer.status}")
    return answer


def _await_answer(connection: HTTPConnection) -> None:
    """Wait until the job begins to answer. Raises: ClientDisconnected, TimeoutError."""
    client = waiting.client()
    if client is None:
        return
    poller = select.poll()
    poller.register(connection.sock, select.POLLIN)
    poller.register(client, _GONE)
    ready = {descriptor for descriptor, _ in poller.poll(SILENCE * 1000)}
    if not ready:
        raise TimeoutError("timed out")
    if connection.sock.fileno() not in ready:
        raise ClientDisconnected


def _blocks() -> Iterator[bytes]:
    while block := request.stream.read(BLOCK):
        yield block


def _body(answer: HTTPResponse) -> Iterator[bytes]:
    """Yield what comes; when it breaks off, so does what the client gets."""
    try:
        while block := answer.read1(BLOCK):
            yield block
        whole = not answer.length
    except (OSError, HTTPException):
        whole = False
    if not whole:
        raise ConnectionResetError(errno.ECONNRESET, "the job's answer has broken off")


def _end_to_end(
    headers: Iterable[tuple[str, str]], without: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """Yield the headers that go further than one connection."""
    pairs = [*headers]
    named = ",".join(value for name, value in pairs if name.lower() == "connection")
    dropped = _HOP | without | {word.strip().lower() for word in re.split(",", named)}
    for name, value in pairs:
        if name.lower() not in dropped:
            yield name, " ".join(value.split())  # of several lines, as it may have come
