"""A receiver of web hooks on this machine: keeps what it is sent, answers what a test wants.

with Receiver() as receiver:
    receiver.answers.append(500)      # the first post; the others get 200
    ...
    until(lambda: receiver.posts)
"""

import json
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Quiet(ThreadingHTTPServer):
    """Says nothing about clients that break off."""

    def handle_error(self, *_: object) -> None:
        pass


@dataclass(frozen=True)
class Post:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Serves on a free port of 127.0.0.1; *answers* are statuses, with a Location if a pair.

    While *holding* is set, nothing is answered.
    """

    answers: list[int | tuple[int, str]] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    holding: threading.Event = field(default_factory=threading.Event)
    certificate: tuple[Path, Path] | None = None  # with its key, for https

    def __post_init__(self) -> None:
        receiver = self
        self._released = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver._take(self)

            def do_GET(self) -> None:
                receiver._take(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = Quiet(("127.0.0.1", 0), Handler)
        if self.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certificate)
            plain = self._server.socket
            self._server.socket = context.wrap_socket(
                plain, server_side=True, do_handshake_on_connect=False
            )
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    @property
    def host(self) -> str:
        """As WEBHOOK_ALLOWED_HOSTS names it."""
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/hook", login: str = "") -> str:
        return f"http://{login}{self.host}{path}"

    def release(self) -> None:
        """Answer what is held, and hold nothing any more."""
        self.holding.clear()
        self._released.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        answer = self.answers.pop(0) if self.answers else 200
        self.posts.append(Post(request.path, dict(request.headers.items()), body))
        if self.holding.is_set():
            self._released.wait(30)
        status, location = (answer, None) if isinstance(answer, int) else answer
        try:
            request.send_response(status)
            if location is not None:
                request.send_header("Location", location)
            request.send_header("Content-Length", "0")
            request.end_headers()
        except OSError:
            pass  # whoever asked has gone
