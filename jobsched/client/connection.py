"""One connection to the server: requests, answers, streams; what the network does is told once.

Connections are kept for the next request. A request that may be repeated (GET, or one with an
Idempotency-Key) is sent once more when the server closed the connection under it.
"""

import contextlib
import json
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    HTTPSConnection,
    IncompleteRead,
)
from typing import Any
from urllib.parse import quote, urlencode

from jobsched import __version__
from jobsched.client.access import Access
from jobsched.client.failures import ClientError, Closed, Misused, Refused, Unexpected, Unreachable

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 90.0  # a busy server answers late; one that is gone closes the connection
BUSY_TRIES = 4  # of a request that the server puts off (429, 503 with Retry-After)
_LONGEST_PAUSE = 5.0
LONGEST_ANSWER = 256 * 2**20  # bytes of one that is read as a whole
_SENTENCE = 2000  # bytes; what is longer is a page for a browser
_PROXIES = frozenset({502, 503, 504})
_REPEATED = frozenset({"GET", "PUT", "DELETE"})
# How a kernel notices that the other machine is gone: seconds of silence, between tries, tries.
_KEEPALIVE = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4}

Body = bytes | Iterable[bytes] | None
NETWORK_ERRORS = (OSError, HTTPException, UnicodeError)  # the last: of impossible host names


class Answer:
    """A good answer: its headers, and its body as JSON or text."""

    def __init__(self, response: HTTPResponse, data: bytes) -> None:
        self.status = response.status
        self.headers = response.headers
        self._data = data

    @property
    def json(self) -> dict[str, Any]:
        """The body. Raises: Unexpected when it is no JSON object."""
        with contextlib.suppress(ValueError):
            found = json.loads(self._data)
            if isinstance(found, dict):
                return found
        raise Unexpected("The answer is no JSON object; is it a jobsched server?")

    @property
    def text(self) -> str:
        """The body as text."""
        return self._data.decode("utf-8", "replace")


class Connection:
    """A connection to the server at *access*, made when it is needed.

    *connect_seconds*, *answer_seconds* and *busy_tries* may be set before it is used.
    """

    def __init__(self, access: Access) -> None:
        self.access = access
        self.connect_seconds, self.answer_seconds = CONNECT_SECONDS, ANSWER_SECONDS
        self.busy_tries = BUSY_TRIES
        self.reached = False  # whether the server has ever answered
        self._http: HTTPConnection | None = None

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        json_body: object = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and return the answer. Raises: Refused, Unreachable, Unexpected."""
        sent = dict(headers or {})
        body: bytes | None = None
        if json_body is not None:
            body = json.dumps(json_body).encode()
            sent["Content-Type"] = "application/json"
        elif form is not None:
            body = urlencode(form).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        response = self._response(method, address(path, query), body, sent)
        return Answer(response, self._data(response))

    def send(self, path: str, body: Iterable[bytes], headers: Mapping[str, str]) -> Answer:
        """PUT a body of unknown length, block by block. Raises: as :meth:`ask`."""
        try:
            response = self._response("PUT", address(path), body, dict(headers))
            return Answer(response, self._data(response))
        except BaseException:
            self.close()  # what was not sent to its end must not be taken for a whole body
            raise

    def stream(
        self, path: str, query: Mapping[str, object], headers: Mapping[str, str] | None = None
    ) -> HTTPResponse:
        """GET an answer that is read while it comes; it needs the connection until it is read.

        Raises: as :meth:`ask`.
        """
        return self._response("GET", address(path, query), None, dict(headers or {}))

    def patience(self, seconds: float) -> None:
        """Let reads of the present connection end with an error after *seconds* of silence."""
        if self._http is not None and self._http.sock is not None:
            self._http.sock.settimeout(seconds)

    def close(self) -> None:
        """Close the connection; the next request makes a new one."""
        if self._http is not None:
            self._http.close()
            self._http = None

    # -- one request --------------------------------------------------------------------------

    def _response(
        self, method: str, target: str, body: Body, headers: dict[str, str]
    ) -> HTTPResponse:
        """Return the good answer to a request, its body unread."""
        for left in reversed(range(self.busy_tries)):
            response = self._exchange(method, target, body, headers)
            if response.status < 300:
                return response
            problem = _problem_of(response, self._data(response))
            pause = _pause(response) if body is None or isinstance(body, bytes) else None
            if not left or pause is None:
                raise self._refusal(response, problem)
            time.sleep(pause)
        raise AssertionError  # the last turn has returned or raised

    def _exchange(
        self, method: str, target: str, body: Body, headers: dict[str, str]
    ) -> HTTPResponse:
        """Send a request and return the head of its answer. Raises: Unreachable."""
        again = method in _REPEATED or "Idempotency-Key" in headers
        again = again and (body is None or isinstance(body, bytes))
        try:
            return self._once(method, target, body, headers)
        except NETWORK_ERRORS as error:
            self.close()
            if not again or isinstance(error, ConnectionRefusedError | TimeoutError | ssl.SSLError):
                raise self._lost(error) from None
        try:
            return self._once(method, target, body, headers)
        except NETWORK_ERRORS as error:
            self.close()
            raise self._lost(error) from None

    def _once(self, method: str, target: str, body: Body, headers: dict[str, str]) -> HTTPResponse:
        http = self._connected()
        chunked = body is not None and not isinstance(body, bytes)
        sent = {**self._own_headers(), **headers}
        if chunked:
            sent["Transfer-Encoding"] = "chunked"
        target = self.access.path + target
        try:
            http.request(method, target, body=body, headers=sent, encode_chunked=chunked)
        except (BrokenPipeError, ConnectionResetError):
            if not chunked:
                raise
            # Refused while it was still being sent: the reason is on its way back.
        response = http.getresponse()
        self.reached = True
        return response

    def _connected(self) -> HTTPConnection:
        if self._http is None:
            http = self._new()
            http.connect()
            self._http = http
            sock = http.sock
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in _KEEPALIVE.items():
                if (option := getattr(socket, name, None)) is not None:
                    sock.setsockopt(socket.IPPROTO_TCP, option, value)
        if self._http.sock is not None:
            self._http.sock.settimeout(self.answer_seconds)
        return self._http

    def _new(self) -> HTTPConnection:
        host, port = self.access.host, self.access.port
        if not self.access.tls:
            return HTTPConnection(host, port, timeout=self.connect_seconds)
        try:
            context = ssl.create_default_context(cafile=self.access.cacert)
        except (OSError, ValueError) as error:
            raise Misused(f"{self.access.cacert} holds no certificates: {error}.") from None
        return HTTPSConnection(host, port, timeout=self.connect_seconds, context=context)

    def _own_headers(self) -> dict[str, str]:
        own = {"User-Agent": f"jobsched/{__version__}", "Accept": "application/json, */*;q=0.5"}
        if self.access.token is not None:
            own["Authorization"] = f"Bearer {self.access.token}"
        return own

    def _data(self, response: HTTPResponse) -> bytes:
        """Return the body of an answer.

        Raises: Unreachable when it breaks off, Unexpected when it goes on and on.
        """
        if response.length is not None and response.length > LONGEST_ANSWER:
            self.close()
            raise self._too_long()
        try:
            # Of one whose length is known, reading all tells whether it breaks off.
            data = response.read(LONGEST_ANSWER + 1 if response.length is None else None)
        except NETWORK_ERRORS as error:
            self.close()
            raise self._lost(error) from None
        if len(data) > LONGEST_ANSWER:
            self.close()
            raise self._too_long()
        if response.will_close:
            self.close()
        return data

    def _too_long(self) -> Unexpected:
        return Unexpected(f"The answer of the server at {self.access.url} is too long to be one.")

    # -- what to tell -------------------------------------------------------------------------

    def _lost(self, error: Exception) -> ClientError:
        """Return what a failure of the network means."""
        url = self.access.url
        if isinstance(error, ssl.SSLCertVerificationError):
            why = f"its certificate is not trusted ({error.verify_message}); see --cacert"
            return Unreachable(f"The server at {url} is not asked: {why}.")
        if isinstance(error, IncompleteRead):
            return Unreachable(f"The connection to the server at {url} broke off.")
        if isinstance(error, HTTPException) and not isinstance(error, ConnectionError):
            return Unexpected(f"What answers at {url} does not speak HTTP; is the port right?")
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        kind = Closed if isinstance(error, ConnectionRefusedError) else Unreachable
        return kind(f"The server at {url} cannot be reached: {why}.")

    def _refusal(self, response: HTTPResponse, problem: dict[str, Any] | None) -> ClientError:
        """Return what an answer of 300 and more means."""
        status, url = response.status, self.access.url
        if problem is not None:
            return Refused(status, problem)
        if status in _PROXIES:
            return Unreachable(f"The server behind {url} cannot be reached: {status}.")
        if 300 <= status < 400:
            target = response.headers.get("Location", "elsewhere")
            return Unexpected(f"{url} sends us to {target}; give that address with --url.")
        return Unexpected(f"What answers at {url} with {status} is no jobsched server.")


def address(path: str, query: Mapping[str, object] | None = None) -> str:
    """Return path and query for a request line; what is None is left out."""
    given = {name: _text(value) for name, value in (query or {}).items() if value is not None}
    return quote(path, safe="/:@") + (f"?{urlencode(given)}" if given else "")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _problem_of(response: HTTPResponse, data: bytes) -> dict[str, Any] | None:
    """Return the problem that an answer tells; Kudu's routes tell theirs as a line of text."""
    kind = response.headers.get("Content-Type", "")
    if kind.startswith("text/plain") and response.status not in _PROXIES and len(data) < _SENTENCE:
        # The text commands say that it is an error; so does whoever shows it.
        return {"detail": data.decode("utf-8", "replace").strip().removeprefix("Error: ")}
    try:
        found = json.loads(data) if "json" in kind else None
    except ValueError:
        return None
    return found if isinstance(found, dict) and "title" in found else None


def _pause(response: HTTPResponse) -> float | None:
    """Return after how many seconds a busy server may be asked again, None when it is not busy."""
    said = response.headers.get("Retry-After", "")
    if response.status not in {429, 503} or not said.isascii() or not said.isdigit():
        return None
    return min(float(said), _LONGEST_PAUSE)
