"""A real web process, and requests to it byte by byte."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.certificates import Pair

Address = tuple[str, int]


class WebProcess:
    """``tests.support.webserver`` in a process of its own."""

    def __init__(
        self, threads: int, folder: Path | None = None, certificate: Pair | None = None
    ) -> None:
        places = [] if folder is None else [folder]
        self.client = certificate.client() if certificate else None
        files = {}
        if certificate is not None:
            files = {"CERT_FILE": str(certificate.cert), "KEY_FILE": str(certificate.key)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.webserver", str(threads), *map(str, places)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **files},
        )
        assert self.process.stdout is not None
        url = urlsplit(self.process.stdout.readline().strip())
        self.address: Address = (str(url.hostname), int(url.port or 0))

    def connect(self) -> socket.socket:
        """Return a connection, after the handshake where TLS is spoken."""
        plain = self.connect_plainly()
        return self.client.wrap_socket(plain, server_hostname="localhost") if self.client else plain

    def connect_plainly(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=20)

    def ask(self, data: bytes) -> "Answer":
        with self.connect() as connection:
            connection.sendall(data)
            return Answer(connection)

    def get(self, path: str, *headers: str, method: str = "GET") -> "Answer":
        lines = [f"{method} {path} HTTP/1.1", "Connection: close", *headers]
        if not any(line.lower().startswith("host:") for line in headers):
            lines.append("Host: 127.0.0.1")
        return self.ask(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def seconds_of_health(self) -> float:
        """Return how long /healthz takes to answer now."""
        start = time.monotonic()
        assert self.get("/healthz").status == 200
        return time.monotonic() - start

    def send(self, method: str, path: str, *headers: str, body: bytes = b"") -> socket.socket:
        """Send a request and return its connection, for an answer that takes its time."""
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        connection = self.connect()
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return connection

    def stop(self) -> tuple[int, str]:
        self.process.terminate()
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors


class Answer:
    """One answer, read from *connection* by its announced length."""

    def __init__(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            self.line = stream.readline().decode("latin-1")
            self.status = int(self.line.split()[1]) if self.line else 0
            self.headers = {}
            while (line := stream.readline().decode("latin-1").strip()) != "":
                name, _, value = line.partition(":")
                self.headers[name.lower()] = value.strip()
            self.body = stream.read(int(self.headers.get("content-length", 0)))

    def problem(self) -> Any:
        assert self.headers["content-type"] == "application/problem+json"
        return json.loads(self.body)
