"""Posting to a web hook: to an address that was judged, with bounds on time, size and redirects."""

import base64
import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jobsched.operations.webhooks import addresses
from jobsched.operations.webhooks.addresses import Address, Forbidden, Place

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
MOST_REDIRECTS = 3
MOST_PLACES = 4
_SAME_METHOD = frozenset({301, 302, 307, 308})  # a POST that is redirected stays one
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of it: the *status*, None when nothing answered, and a *reason* in words.

    *forbidden*: it may not even be tried, so that there is no use in trying again.
    """

    status: int | None
    reason: str
    forbidden: bool = False


class _Line:
    """The connection in use, which may be cut from another thread when its time is over."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self.is_cut = False

    def take(self, taken: socket.socket) -> None:
        self._socket = taken
        if self.is_cut:
            self.cut()

    def cut(self) -> None:
        self.is_cut = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class _Pinned(http.client.HTTPConnection):
    """A connection to one of *places*, whatever the name may resolve to by now."""

    def __init__(
        self, address: Address, places: list[Place], tls: ssl.SSLContext | None, line: _Line
    ) -> None:
        super().__init__(address.host, address.port, timeout=CONNECT_SECONDS)
        self.default_port = 80 if tls is None else 443  # whether Host names the port
        self._places, self._tls, self._line = places, tls, line

    def connect(self) -> None:
        """Connect to the first place that accepts. Raises: OSError."""
        raw = self._connected()
        self._line.take(raw)
        raw.settimeout(TOTAL_SECONDS)
        if self._tls is None:
            self.sock = raw
            return
        self.sock = self._tls.wrap_socket(raw, server_hostname=self.host)
        self._line.take(self.sock)

    def _connected(self) -> socket.socket:
        trouble: OSError = OSError("there is no address to connect to")
        for family, where in self._places[:MOST_PLACES]:
            raw = socket.socket(family, socket.SOCK_STREAM)
            raw.settimeout(CONNECT_SECONDS)
            try:
                raw.connect(where)
            except OSError as error:
                raw.close()
                trouble = error
            else:
                return raw
        raise trouble


def post(
    address: Address,
    body: bytes,
    headers: Mapping[str, str],
    allowed: Iterable[str],
    *,
    insecure_ssl: bool,
) -> Answer:
    """Post *body* to *address*, following redirects; never raises. What it answers is not read."""
    allowed = tuple(allowed)
    line = _Line()
    alarm = threading.Timer(TOTAL_SECONDS, line.cut)
    alarm.daemon = True
    alarm.start()
    try:
        return _follow(address, body, headers, allowed, _Way(line, insecure_ssl))
    except Forbidden as refusal:
        return Answer(status=None, reason=refusal.reason, forbidden=True)
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = f"no answer within {TOTAL_SECONDS:g} s" if line.is_cut else _told(error)
        return Answer(status=None, reason=why)
    finally:
        alarm.cancel()


@dataclass(frozen=True, slots=True)
class _Way:
    line: _Line
    insecure_ssl: bool


def _follow(
    address: Address, body: bytes, headers: Mapping[str, str], allowed: tuple[str, ...], way: _Way
) -> Answer:
    for _ in range(MOST_REDIRECTS + 1):
        answer, location = _once(address, body, headers, allowed, way)
        if location is None:
            return answer
        address = addresses.redirected(address, location, allowed)
    return Answer(status=answer.status, reason=f"more than {MOST_REDIRECTS} redirects")


def _once(
    address: Address, body: bytes, headers: Mapping[str, str], allowed: tuple[str, ...], way: _Way
) -> tuple[Answer, str | None]:
    """Post once; return the answer and where it redirects to."""
    tls = _tls(way.insecure_ssl) if address.scheme == "https" else None
    found = addresses.places(address, allowed)
    connection = _Pinned(address, found, tls, way.line)
    try:
        connection.request("POST", address.path, body, {**headers, **_login(address)})
        response = connection.getresponse()
        location = response.getheader("Location") if response.status in _SAME_METHOD else None
        return Answer(status=response.status, reason=_clean(response.reason)), location
    finally:
        connection.close()


def _login(address: Address) -> dict[str, str]:
    if address.login is None:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(address.login.encode()).decode()}


def _tls(insecure: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _told(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return _clean(said or type(error).__name__)


def _clean(text: str) -> str:
    return "".join(filter(str.isprintable, text))[:_LONGEST_REASON]
