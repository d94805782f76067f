"""A real runner process and a supervisor's end of its socket, for tests."""

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from jobsched.execution import processes, protocol
from jobsched.execution.protocol import Lines, Message, StartRequest
from jobsched.execution.runner import program as runner
from tests.support.waiting import until

# As the supervisor starts it; but what measures coverage comes with site-packages.
_ALONE = () if "COVERAGE_PROCESS_CONFIG" in os.environ else ("-I", "-S")


class RunnerClient:
    """Starts a runner in *folder* and speaks with it as a supervisor does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = socket.socket()
        folder.mkdir(exist_ok=True)
        self.errors = folder / protocol.ERRORS
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, *_ALONE, runner.__file__, "--folder", str(folder)],
                stdin=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        self.connect()

    def connect(self) -> Message:
        """Connect (anew), say hello and return the ``state``."""
        self.disconnect()
        self.socket = until(self._try_to_connect, message="the runner does not listen")
        self._lines = Lines()
        self._inbox: list[Message] = []
        self.send(op="hello")
        return self.receive("state")

    def _try_to_connect(self) -> Any:
        with suppress(FileNotFoundError, ConnectionRefusedError):
            return protocol.connect(self.folder)
        return None

    def disconnect(self) -> None:
        self.socket.close()

    def send(self, **message: object) -> None:
        self.socket.sendall(protocol.encode(message))

    def receive(self, operation: str, run: int | None = None, seconds: float = 15) -> Message:
        """Return the next message of this kind (about *run*), keeping the others for later."""
        while True:
            for message in self._inbox:
                if message["op"] == operation and run in (None, message.get("run")):
                    self._inbox.remove(message)
                    return message
            ready, _, _ = select.select([self.socket], [], [], seconds)
            assert ready, f"no {operation!r} within {seconds} s; have {self._inbox}"
            data = self.socket.recv(1 << 20)
            assert data, self.errors.read_text()
            self._inbox += self._lines.feed(data)

    def request(self, run: int, *argv: str, **options: Any) -> StartRequest:
        """Return an order for *argv* with a cookie of its own."""
        options.setdefault("env", {"PATH": os.environ["PATH"]})
        options.setdefault("cwd", str(self.folder))
        options.setdefault("claim", 1)
        return StartRequest(
            run=run,
            argv=argv,
            path=str(self.folder / "runs" / f"{run}.{options['claim']}"),
            cookie=f"{os.getpid():x}-{id(self):x}-{run:x}",
            **options,
        )

    def start(self, run: int, *argv: str, **options: Any) -> StartRequest:
        request = self.request(run, *argv, **options)
        self.send(**request.to_message())
        return request

    def shell(self, run: int, script: str, **options: Any) -> StartRequest:
        return self.start(run, "/bin/sh", "-c", script, **options)

    def run(self, run: int, script: str, **options: Any) -> Message:
        """Run a shell script to its end and return the ``ended`` message."""
        self.shell(run, script, **options)
        return self.receive("ended", run)

    def stop(
        self, run: int, ended_by: str = "stop", reason: str = "asked for", claim: int = 1
    ) -> None:
        self.send(op="stop", run=run, claim=claim, ended_by=ended_by, reason=reason)

    def close(self) -> None:
        """End the runner, and first everything it hosts."""
        self.disconnect()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            finally:
                self.process.kill()
        self.process.wait()


@contextmanager
def running_runner(folder: Path) -> Iterator[RunnerClient]:
    client = RunnerClient(folder)
    try:
        yield client
    finally:
        client.close()
    assert not client.errors.read_text()


def lives(pid: int) -> bool:
    """Return whether *pid* is a process that has not ended."""
    found = processes.process(pid)
    return found is not None and not found.gone


def with_cookie(cookie: str) -> list[int]:
    """Return the pids of all living processes that carry *cookie*."""
    everyone = processes.all_processes().values()
    return [one.pid for one in everyone if not one.gone and processes.cookie_of(one.pid) == cookie]


def end_cookie(cookie: str) -> None:
    """Kill every process that carries *cookie*."""
    for pid in with_cookie(cookie):
        if one := processes.process(pid):
            processes.send(one, signal.SIGKILL)


def written(ended: Message) -> tuple[bytes | None, bytes | None]:
    """Return what an ``ended`` message carries of stdout and stderr."""
    return protocol.unpack(ended["out"]), protocol.unpack(ended["err"])


def number_in(path: Path) -> int:
    """Return the number that a script wrote, as one whole line, to *path*."""
    return int(
        until(lambda: path.exists() and path.read_text().endswith("\n") and path.read_text())
    )
