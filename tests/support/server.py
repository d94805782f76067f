"""The real program in a folder of its own, for tests that look at it from outside.

    with Server(tmp_path, cfg="JOB_LIVETIME = 2") as server:
        job = server.schedule("example", seconds=1)
        server.kill("scheduler")

Every process that belongs to the folder is ended when the server is closed: found by the folder's
path, which nothing else on the machine mentions (tests/support/processes.py).
"""

import contextlib
import fcntl
import os
import re
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import requests

from tests.support.certificates import Pair
from tests.support.processes import end_all, processes_of
from tests.support.waiting import until

ROOT = Path(__file__).parent.parent.parent
PARTS = ("web", "scheduler", "supervisor")
ROLES = ("parent", *PARTS, "runner")
_PART = re.compile(r"\bpart=(\w+)\b.*?\bpid=(\d+)\b")
_LOCK = "hhqqi4x"  # struct flock on 64-bit Linux
_INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")

CATALOG = (ROOT / "conf" / "catalog.cfg").read_text(encoding="utf-8")
LOGGING = (ROOT / "conf" / "logging.cfg").read_text(encoding="utf-8")


class Server:
    """One server: folders ``conf``, ``tasks``, ``data``, ``work`` (its directory), ``home``.

    *catalog*, *cfg* and *logging* are the texts of the configuration files, by default the
    shipped ones (cfg: empty); *tasks* and *files* are further files of the folders tasks and
    conf by name; *flags* and *environ* come on top of what starts it here. With *port* given,
    the configuration must say so itself; without, a free one is passed on the command line.
    With a *certificate* it speaks TLS.
    """

    def __init__(
        self,
        folder: Path,
        *,
        catalog: str = CATALOG,
        cfg: str = "",
        logging: str | None = LOGGING,
        tasks: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        flags: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        port: int | None = None,
        certificate: Pair | None = None,
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        self._port_flag = [] if port else ["--port", str(self.port)]
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        self.flags = list(flags)
        self.environ = dict(environ or {})
        self.process: subprocess.Popen[bytes] | None = None
        self._session = requests.Session()
        self._session.trust_env = False
        if certificate is not None:
            self._session.verify = str(certificate.cert)
            cfg += certificate.cfg
        for name in ("conf", "tasks", "work", "home"):
            (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        _copy(ROOT / "tasks", folder / "tasks")
        _copy(ROOT / "conf", folder / "conf", ".bash")
        texts = {"catalog.cfg": catalog, "jobsched.cfg": cfg, "logging.cfg": logging}
        for name, text in {**texts, **(files or {})}.items():
            self.configure(name, text)
        for name, text in (tasks or {}).items():
            write(folder / "tasks" / name, text)

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def log(self) -> str:
        """Everything that the server has written so far, over all its starts; stderr last."""
        return self.written("stdout") + self.written("stderr")

    def written(self, stream: str) -> str:
        """Return what has gone to ``stdout`` or ``stderr``."""
        path = self.folder / stream
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def lines(self, *words: str) -> list[str]:
        """Return the lines of the log that contain all *words*."""
        return [line for line in self.log.splitlines() if all(word in line for word in words)]

    def configure(self, name: str, text: str | None) -> None:
        """Write a file of the configuration folder; None removes it."""
        if text is None:
            (self.folder / "conf" / name).unlink(missing_ok=True)
        else:
            write(self.folder / "conf" / name, text)

    # -- life ---------------------------------------------------------------------------------

    def command(self) -> list[str]:
        """Return the command line of a start."""
        folders = {"conf": "conf", "tasks": "tasks", "data": "data"}
        pairs = [(f"--{name}-dir", str(self.folder / path)) for name, path in folders.items()]
        options = [word for pair in pairs for word in pair]
        return [sys.executable, "-m", "jobsched", *options, *self._port_flag, *self.flags]

    def launch(self) -> "subprocess.Popen[bytes]":
        """Start the program without waiting for it."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        home = {"HOME": str(self.folder / "home"), "PYTHONPATH": str(ROOT)}
        streams = [(self.folder / name).open("ab") for name in ("stdout", "stderr")]
        with streams[0] as stdout, streams[1] as stderr:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.folder / "work",
                env={**inherited, **home, **self.environ},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        return self.process

    def start(self, seconds: float = 30.0) -> Self:
        """Start the program and wait until it is ready to serve."""
        self.launch()
        until(self.is_ready, seconds, "the server is not ready:\n" + self.log[-4000:])
        return self

    def is_ready(self) -> bool:
        """Return whether /readyz says so; fails the test when the program has ended."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"ended with {self.process.returncode}:\n{self.log[-4000:]}")
        with contextlib.suppress(requests.RequestException):
            return self.get("/readyz", timeout=5).status_code == 200
        return False

    def stop(self, signal_number: int = signal.SIGTERM, seconds: float = 30.0) -> int:
        """Ask the program to end, wait for that, and return its exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        return self.process.wait(seconds)

    def restart(self) -> Self:
        """Stop in order and start again, on the same port."""
        self.stop()
        return self.start()

    def kill(self, role: str, signal_number: int = signal.SIGKILL) -> int:
        """Send a signal to the (first) process of *role* and return its pid."""
        pid = self.pids()[role][0]
        psutil.Process(pid).send_signal(signal_number)
        if role == "parent" and self.process is not None and signal_number == signal.SIGKILL:
            self.process.wait(10)
        return pid

    def close(self) -> None:
        """End every process of the folder, whatever state things are in."""
        self._session.close()
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.stop(seconds=15)
        end_all(self.folder)
        if self.process is not None:
            self.process.wait(10)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- processes ----------------------------------------------------------------------------

    def pids(self) -> dict[str, list[int]]:
        """Return the living processes of each of ROLES."""
        assert self.process is not None
        found: dict[str, list[int]] = {role: [] for role in ROLES}
        if self.process.poll() is None:
            found["parent"] = [self.process.pid]
        living = {process.pid for process in self.processes()}
        for role, pid in self._parts().items():
            if pid in living and role in found:
                found[role] = [pid]
        found["runner"] = [pid for pid in self._runners() if pid in living]
        return found

    def _parts(self) -> dict[str, int]:
        """Return what the log says last about each part."""
        return {part: int(pid) for part, pid in _PART.findall(self.log)}

    def _runners(self) -> Iterator[int]:
        for journal in sorted((self.data / "runners").glob("*/journal")):
            if pid := lock_holder(journal):
                yield pid

    def processes(self) -> list[psutil.Process]:
        """Return every living process that has to do with the folder, jobs included."""
        return processes_of(self.folder)

    # -- requests -----------------------------------------------------------------------------

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> requests.Response:
        return self.request("PUT", path, **options)

    def delete(self, path: str, **options: Any) -> requests.Response:
        return self.request("DELETE", path, **options)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request to *path*, or to a whole URL of this server."""
        url = path if path.startswith("http") else self.url + path
        options.setdefault("timeout", 30)
        return self._session.request(method, url, allow_redirects=False, **options)

    def schedule(self, task: str, *, seconds: float = 1, **more: object) -> str:
        """Schedule *task* every *seconds* and return the job's path, ``/jobs/<uuid>``."""
        body = {"task": task, "name": task, "interval": {"seconds": seconds}, **more}
        response = self.post("/jobs", json=body)
        assert response.status_code == 202, response.text
        return response.headers["Location"].removeprefix(self.url)

    def runs(self, path: str = "", **filters: str) -> list[dict[str, Any]]:
        """Return the runs of the job at *path*, or all runs, newest first, over all pages."""
        url: str | None = f"{path}/runs"
        rows: list[dict[str, Any]] = []
        while url:
            answer = self.get(url, params=filters).json()
            rows += answer["values"]
            url, filters = answer.get("next"), {}
        return rows

    def finished(self, path: str, count: int = 1, seconds: float = 15) -> list[dict[str, Any]]:
        """Wait until *count* runs of the job at *path* are done; return the done, oldest first."""

        def enough() -> list[dict[str, Any]]:
            done = [run for run in self.runs(path) if run["state"] == "done"]
            return done[::-1] if len(done) >= count else []

        return until(enough, seconds, f"{count} finished runs of {path}")


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def write(path: Path, text: str) -> None:
    """Write *text*; a script is made executable."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o700 if text.startswith("#!") else 0o600)


def lock_holder(path: Path) -> int | None:
    """Return the process that holds a POSIX record lock on *path*, None if nobody does."""
    try:
        with path.open("r+b") as file:
            asked = struct.pack(_LOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, *_, pid = struct.unpack(_LOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))
    except FileNotFoundError:
        return None
    return pid if kind != fcntl.F_UNLCK else None


def _copy(source: Path, target: Path, suffix: str = "") -> None:
    for path in source.iterdir():
        if path.is_file() and path.name.endswith(suffix):
            write(target / path.name, path.read_text(encoding="utf-8"))
