"""``jobsched wrap`` in tests: as a user runs it, and what the server makes of it."""

import base64
import secrets
import signal
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from jobsched.execution.wrap.spool import usual_folder
from tests.support.client import Client, Said
from tests.support.server import Server
from tests.support.waiting import until

Running = subprocess.Popen[bytes]


class Wrapper:
    """Wraps commands under a *name* of its own, for the server that *client* asks."""

    def __init__(self, server: Server, folder: Path, **environ: str) -> None:
        self.server = server
        self.client = Client(server.url, folder, **environ)
        self._begun: list[Running] = []
        self.name = f"wrap-{secrets.token_hex(4)}"

    def __call__(self, *words: str, options: tuple[str, ...] = (), data: str = "") -> Said:
        """Wrap a command and wait for its end."""
        return self.client(*self._words(options, words), data=data)

    def begin(self, *words: str, options: tuple[str, ...] = (), **streams: Any) -> Running:
        """Wrap a command that goes on."""
        process = self.client.begin(*self._words(options, words), **streams)
        self._begun.append(process)
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End what is left of the wrappers that were begun, and close their streams."""
        for process in self._begun:
            process.kill()
            process.wait(10)
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def command(self, *words: str) -> list[str]:
        """Return the command line that wraps *words*."""
        return self.client.command(*self._words((), words))

    def _words(self, options: tuple[str, ...], words: tuple[str, ...]) -> tuple[str, ...]:
        return ("wrap", "--name", self.name, *options, "--", *words)

    @property
    def spooled(self) -> list[Path]:
        """What waits to be told."""
        return sorted(usual_folder(self.environ).glob("*.json"))

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which commands are wrapped."""
        home = self.client.folder
        return {"XDG_STATE_HOME": str(home / ".local" / "state"), **self.client.environ}

    def runs(self) -> list[dict[str, Any]]:
        """Return the runs of this name, oldest first."""
        return [run for run in self.server.runs()[::-1] if run["name"] == self.name]

    def run(self) -> dict[str, Any]:
        """Return the only run of this name."""
        [run] = self.runs()
        return run

    def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until there is a run of this name that fulfils *condition*; return it."""
        found = until(lambda: [run for run in self.runs() if condition(run)], 20)
        return found[0]

    def running(self) -> dict[str, Any]:
        """Wait until the server knows that the command runs."""
        return self.until(lambda run: run["state"] == "running")

    def output(self, stream: str = "both") -> bytes:
        """Return what the server has of the only run's output."""
        return self.server.get(f"/runs/{self.run()['id']}/output?stream={stream}").content


def killed(process: Running) -> None:
    """Kill *process* as nothing can prevent, and only it."""
    process.send_signal(signal.SIGKILL)
    process.wait(10)


def key() -> str:
    """Return a reporter's key."""
    return secrets.token_hex(16)


def report(**fields: Any) -> dict[str, Any]:
    """Return the body of a report, by default of a command that still runs."""
    now = datetime.now(UTC).isoformat()
    return {"name": "told", "host": "there", "started_at": now, **fields}


def ended(**fields: Any) -> dict[str, Any]:
    """Return the body of a report about a command that has ended well."""
    out = base64.b64encode(b"done\n").decode()
    began = report()
    end = {"ended_at": began["started_at"], "exit_code": 0, "out": out, "out_bytes": 5}
    return {**began, **end, **fields}
