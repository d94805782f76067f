"""A tiny stand-in for the runner: starts task.py and speaks with it over a socket pair."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jobsched.execution.task import program as task

Message = dict[str, Any]
LIVETIME = 60
CALL = "class Job:\n    def __call__(self, info):\n        "


class TaskHost:
    """One task process, its messages and its output."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ours, theirs = socket.socketpair()
        self._lines = self._ours.makefile("rb")
        self._ours.settimeout(30)
        with (folder / "out").open("ab") as out, (folder / "err").open("ab") as err:
            self.process = subprocess.Popen(
                [sys.executable, task.__file__],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=folder,
                env={**os.environ, task.CONTROL_VARIABLE: str(theirs.fileno())},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        theirs.close()

    def load(self, source: str, **arguments: str) -> Message:
        """Write *source* to a file, have its class ``Job`` loaded, return the answer."""
        self.send({"op": "load", "task": self.task(source, arguments)})
        return self.answer()

    def task(self, source: str, arguments: Mapping[str, str] = {}) -> Message:
        """Write *source* to a file and return the task that is its class ``Job``."""
        (self.folder / "job.py").write_text(source, encoding="utf-8")
        return {
            "name": "job",
            "file": "job.py",
            "class": "Job",
            "arguments": dict(arguments),
            "tasks_dir": str(self.folder),
            "livetime": LIVETIME,
            "conf_dir": str(self.folder),
        }

    def call(self, info: Mapping[str, object] = {}, **message: object) -> Message:
        """Have the instance called and return the first answer."""
        self.start_call(info, **message)
        return self.answer()

    def start_call(self, info: Mapping[str, object] = {}, **message: object) -> None:
        """Have the instance called, and do not wait."""
        self.send({"op": "call", "run": 7, "info": {"timeout": LIVETIME, **info}, **message})

    def send(self, message: Message) -> None:
        """Send one message."""
        self._ours.sendall(json.dumps(message).encode() + b"\n")

    def send_with(self, message: Message, descriptors: list[int]) -> None:
        """Send one message with *descriptors*, and close our copies of them."""
        socket.send_fds(self._ours, [json.dumps(message).encode() + b"\n"], descriptors)
        for descriptor in descriptors:
            os.close(descriptor)

    def answer(self) -> Message:
        """Return the next message; ``{}`` when the process has closed its end."""
        line = self._lines.readline()
        return dict(json.loads(line)) if line else {}

    @property
    def out(self) -> str:
        """All of stdout so far."""
        return (self.folder / "out").read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        """All of stderr so far."""
        return (self.folder / "err").read_text(encoding="utf-8")

    def close(self) -> int:
        """Close the control socket and return how the process ended."""
        self._lines.close()
        self._ours.close()
        return self.process.wait(30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lines.close()
        self._ours.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def run(host: TaskHost, *lines: str) -> Message:
    """Load a task whose call is *lines*, call it once, return how it ended."""
    assert host.load(CALL + "\n        ".join(lines)) == {"op": "loaded"}
    return host.call()
