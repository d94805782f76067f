"""Text commands as curl sends them, to a server that was started as seed 001 starts it."""

import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil

from tests.support.server import Server
from tests.support.waiting import until

Row = dict[str, str]


class JobSchedServer(Server):
    """``python -m jobsched.jobschedserver`` with the database ``jobs.sqlite`` in its folder."""

    def __init__(self, folder: Path, *, jobs: int = 8, flags: Sequence[str] = ()) -> None:
        super().__init__(folder, flags=flags)
        self.jobs = jobs

    @property
    def database(self) -> Path:
        return self.folder / "jobs.sqlite"

    @property
    def data(self) -> Path:
        return self.folder / "jobs.sqlite.data"

    @property
    def work(self) -> Path:
        """Its working directory."""
        return self.folder / "work"

    def command(self) -> list[str]:
        program = [sys.executable, "-m", "jobsched.jobschedserver", "-a", "127.0.0.1"]
        options = ["-p", str(self.port), "--dbfile", str(self.database), "-j", str(self.jobs)]
        return [*program, *options, *self.flags]

    # -- commands -----------------------------------------------------------------------------

    def ask(self, command: str, /, **parameters: object) -> str:
        """Send a command as a form; return the answer."""
        answer = self.post(f"/{command}", data=parameters, timeout=60)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        return answer.content.decode()

    def submit(self, command: str, /, **parameters: object) -> int:
        """Run a command without waiting for it; return its id."""
        return int(self.ask("submit", command=command, sync=0, **parameters))

    def rows(self, **filters: object) -> list[Row]:
        """Return what /jobinfo tells; all jobs without *filters*."""
        header, *lines = self.ask("jobinfo", **(filters or {"all": 1})).split("\n")[:-1]
        names = header.split("\t")
        values = [line.split("\t") for line in lines]
        assert all(len(one) == len(names) for one in values), lines
        return [dict(zip(names, one, strict=True)) for one in values]

    def row(self, job: int) -> Row:
        """Return the line of one job."""
        [row] = self.rows(jobid=job)
        return row

    def reaches(self, job: int, *words: str, seconds: float = 20) -> Row:
        """Wait until a job has one of the statuses *words*; return its line."""
        until(lambda: self.row(job)["status"] in words, seconds, f"job {job}: {self.row(job)}")
        return self.row(job)

    def over(self, job: int) -> Row:
        """Wait until a job is over; return its line."""
        self.ask("wait", jobid=job)
        return self.row(job)

    def tree(self, job: int) -> list[psutil.Process]:
        """Return the living processes of a job, found by its number in their environment."""
        mark = f"JOBSCHED_RUN_ID={job}".encode()
        found = []
        for process in self.processes():
            with suppress(OSError, psutil.Error):
                words = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
                if mark in words and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found


class Client:
    """A client of /submit with sync=1, on a connection of its own, without chunks (HTTP/1.0)."""

    def __init__(
        self, port: int, command: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=30)
        body = urlencode({"command": command, **more}).encode()
        head = [
            "POST /submit HTTP/1.0",
            f"Host: 127.0.0.1:{port}",
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(body)}",
            *[f"{name}: {value}" for name, value in (headers or {}).items()],
        ]
        self.connection.sendall("\r\n".join([*head, "", ""]).encode() + body)

    def head(self) -> int:
        """Read the head of the answer; return its status."""
        status = int(self.line().split()[1])
        while self.line().strip():
            pass
        return status

    def job(self) -> int:
        """Read the head of the answer and the id; return that."""
        assert self.head() == 200
        return int(self.line())

    def line(self) -> bytes:
        """Return the next line, read byte by byte so that nothing of the rest is held back."""
        found = b""
        while not found.endswith(b"\n") and (byte := self.connection.recv(1)):
            found += byte
        return found

    def receive(self, size: int) -> bytes:
        """Return the next *size* bytes, or what there is until the end."""
        found = b""
        while len(found) < size and (block := self.connection.recv(size - len(found))):
            found += block
        return found

    def rest(self) -> bytes:
        """Return everything until the end of the answer."""
        blocks = []
        while block := self.connection.recv(1 << 16):
            blocks.append(block)
        return b"".join(blocks)

    def close(self) -> None:
        """Go away."""
        self.connection.close()


@contextmanager
def waiting_client(server: JobSchedServer, command: str, **more: Any) -> Iterator[Client]:
    """Give a client that waits for *command*; it goes away at the end."""
    client = Client(server.port, command, **more)
    try:
        yield client
    finally:
        client.close()


def exists(path: Path) -> bool:
    """Return whether a file is there and not empty."""
    return path.exists() and path.stat().st_size > 0
