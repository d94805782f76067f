"""The web part: one process, one accepting loop, many threads, on a socket it is given.

gunicorn's arbiter is not used: the parent of all parts already restarts and stops this process
and watches its heartbeat, so that a second master, its control socket and its worker's temporary
heartbeat file would only be one more process to keep.
"""

import ipaddress
import logging
import os
import resource
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from jobsched import clock
from jobsched.errors import ConfigurationError, Mistake
from jobsched.settings.certificate import Certificate
from jobsched.web.audit import flush_all
from jobsched.web.connection import Connection
from jobsched.web.encryption import EncryptedConnection
from jobsched.web.worker import Worker

BACKLOG = 2048
KEEPALIVE_SECONDS = 30
STOP_SECONDS = 10
CONNECTIONS = 8192
BEAT_EVERY = 0.5


class ServerSettings(Protocol):
    """The settings that the server obeys."""

    @property
    def web_threads(self) -> int: ...


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on *host* and *port*; made by the parent before it forks.

    Raises: ConfigurationError when the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # What is accepted inherits these: answers leave at once, vanished clients are noticed.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listener.bind((host.strip("[]"), port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        message = f"cannot listen on {host} port {port}: {error.strerror or error}"
        raise ConfigurationError([Mistake(where="HOST, PORT", message=message)]) from None
    return listener


def url_of(listener: socket.socket, scheme: str = "http") -> str:
    """Return the address at which *listener* is reached, such as ``http://127.0.0.1:58631``."""
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    return f"{scheme}://{shown}:{port}"


def run(
    settings: ServerSettings,
    listener: socket.socket,
    app_factory: Callable[[], Flask],
    beat: Callable[[], None],
    stopping: threading.Event,
    certificate: Certificate | None = None,
) -> None:
    """Serve until TERM, INT or *stopping*; then finish what is being answered.

    *app_factory* is called in this process, so that its threads and connections are its own.
    With a *certificate* TLS is spoken, and nothing else.
    """
    application = _Application(settings, app_factory, certificate)
    details = (1, os.getppid(), [listener], application, 0, application.cfg, application.log)
    connect = _connecting(certificate)
    worker = Worker(*details, beat=_seldom(beat), stopping=stopping, connect=connect)
    try:
        worker.init_process()
    finally:
        worker.tmp.close()
        flush_all(STOP_SECONDS / 2)


def _connecting(certificate: Certificate | None) -> Callable[..., Connection]:
    return Connection if certificate is None else partial(EncryptedConnection, certificate)


class _Application(BaseApplication):  # type: ignore[misc]
    """Our configuration in gunicorn's form."""

    def __init__(
        self,
        settings: ServerSettings,
        factory: Callable[[], Flask],
        certificate: Certificate | None,
    ) -> None:
        self._settings, self._factory, self._certificate = settings, factory, certificate
        super().__init__()
        self.log = _Log(self.cfg)

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        threads = self._settings.web_threads
        changes: dict[str, Any] = {
            "threads": threads,
            "worker_connections": max(threads + 64, _descriptors() - threads - 256),
            "keepalive": KEEPALIVE_SECONDS,
            "graceful_timeout": STOP_SECONDS,
            "limit_request_line": 8190,
            "http_parser": "python",
            # Nothing a proxy says is believed: the gate judges by the connection itself.
            "forwarded_allow_ips": "",
            "secure_scheme_headers": {},
            "forwarder_headers": "",
        }
        if self._certificate is not None:
            # By these gunicorn knows that it speaks TLS; the files themselves are read by us.
            changes["certfile"] = str(self._certificate.cert_file)
            changes["keyfile"] = str(self._certificate.key_file or self._certificate.cert_file)
        for name, value in changes.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Build the application."""
        return self._factory()


class _Log(Logger):  # type: ignore[misc]
    """gunicorn's words in our own logs; no access log of its own."""

    def setup(self, cfg: object) -> None:
        """Pass everything on to the program's handlers."""
        self.error_log = logging.getLogger("gunicorn.error")
        self.error_log.propagate = True

    def access(self, *_details: object) -> None:
        """Write nothing: the audit log and metrics say what was asked."""


def _descriptors() -> int:
    """Allow this process as many open files as it may have; return how many it will use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        soft = limit
    return CONNECTIONS if soft == resource.RLIM_INFINITY else min(soft, CONNECTIONS)


def _seldom(beat: Callable[[], None]) -> Callable[[], None]:
    """Return *beat*, called at most twice a second however busy the loop is."""
    last = 0.0

    def beat_if_due() -> None:
        nonlocal last
        now = clock.monotonic()
        if now - last >= BEAT_EVERY:
            last = now
            beat()

    return beat_if_due
