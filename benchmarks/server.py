"""The real program in a folder of its own, for workloads that go through all of it."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jobsched.execution import processes
from jobsched.storage import Store

_HISTORY = "HISTORY = 1_000_000\n"
_LOGGING = """\
version: 1
disable_existing_loggers: false
handlers:
  file: {class: logging.FileHandler, filename: %s}
root: {level: INFO, handlers: [file]}
"""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that is ready; *pid* is that of its parent process."""

    folder: Path
    port: int
    pid: int

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def store(self) -> Store:
        """Return its database."""
        return Store.open(f"sqlite:///{self.data / 'jobsched.db'}")

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU time of its processes so far, and of the jobs that have ended."""
        everyone = processes.all_processes()
        found = dict.fromkeys((*_NAMES, "runners"), 0.0)
        for pid, name in self.processes().items():
            found[name] += everyone[pid].cpu / processes.TICKS
        return found

    def processes(self) -> dict[int, str]:
        """Return what each of its processes is, runners included."""
        everyone = processes.all_processes()
        parts = [p.pid for p in everyone.values() if p.parent == self.pid]
        runners = [p.pid for p in everyone.values() if self._is_runner(p.pid)]
        names = dict(zip([self.pid, *parts], _NAMES, strict=False))
        return names | dict.fromkeys(runners, "runners")

    def _is_runner(self, pid: int) -> bool:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        runners = os.fsencode(self.data / "runners")
        return any(word.startswith(runners) for word in words)


_NAMES = ("parent", "web", "scheduler", "supervisor")


@contextmanager
def serving(
    scripts: Mapping[str, str], catalog: str = "", code: str = "", settings: str = ""
) -> Iterator[Server]:
    """Start a server whose tasks run *scripts* (name to path); stop it at the end.

    *catalog* is added to its catalog, *code* is the file ``tasks.py`` of its tasks folder,
    *settings* are further lines of its jobsched.cfg.
    """
    with tempfile.TemporaryDirectory(prefix="jobsched-bench-") as name:
        folder = Path(name)
        port = _free_port()
        _configure(folder, scripts)
        with (folder / "catalog.cfg").open("a") as file:
            file.write(catalog)
        with (folder / "jobsched.cfg").open("a") as file:
            file.write(settings)
        (folder / "tasks.py").write_text(code)
        command = [sys.executable, "-m", "jobsched", "--conf-dir", str(folder)]
        command += ["--tasks-dir", str(folder), "--data-dir", str(folder / "data")]
        environ = {k: v for k, v in os.environ.items() if not k.startswith("JOBSCHED_")}
        with subprocess.Popen([*command, "--port", str(port)], env=environ) as process:
            try:
                _wait_ready(folder / "log", process)
                yield Server(folder=folder, port=port, pid=process.pid)
            finally:
                process.send_signal(signal.SIGTERM)


def _configure(folder: Path, scripts: Mapping[str, str]) -> None:
    (folder / "runscript.py").write_text("from jobsched.execution.script import RunScript\n")
    section = "[{}]\nfile=runscript.py\nclass=RunScript\nscript={}\n\n"
    catalog = "".join(section.format(*item) for item in scripts.items())
    (folder / "catalog.cfg").write_text(catalog)
    (folder / "jobsched.cfg").write_text(_HISTORY)
    (folder / "logging.yaml").write_text(_LOGGING % (folder / "log"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_ready(log: Path, process: "subprocess.Popen[bytes]") -> None:
    import time

    deadline = time.monotonic() + 20
    while not (log.exists() and "server ready" in log.read_text()):
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("The server did not start.")
        time.sleep(0.05)
