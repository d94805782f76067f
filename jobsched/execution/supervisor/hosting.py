"""Runners as the supervisor sees them: starting one, finding living ones, talking to them.

A runner owns the folder ``runners/<name>`` with its journal (locked for its life), its socket
and its stderr. It is found again through these, never through a pid.
"""

import hashlib
import os
import secrets
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from jobsched.execution import journal, protocol
from jobsched.execution.places import runners_dir
from jobsched.execution.protocol import Message

_PROGRAM = str(Path(__file__).parents[1] / "runner" / "program.py")
_INHERITED = ("PATH", "LANG", "LC_ALL", "TZ")
_CHUNK = 1 << 18
_CREDENTIALS = "3i"  # pid, uid, gid


class RunnerGone(Exception):
    """The connection ended: the runner died, or speaks to a newer supervisor."""


class Connection:
    """The line to one runner, both ways, never blocking."""

    def __init__(self, folder: Path) -> None:
        self._socket = protocol.connect(folder)
        self._socket.setblocking(False)
        self._unsent = bytearray()
        self._lines = protocol.Lines()

    def fileno(self) -> int:
        """Return the descriptor, for a selector."""
        return self._socket.fileno()

    def peer(self) -> int:
        """Return the pid of the runner, as the kernel noted it when that began to listen."""
        size = struct.calcsize(_CREDENTIALS)
        found = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        return int(struct.unpack(_CREDENTIALS, found)[0])

    @property
    def blocked(self) -> bool:
        """Whether something waits until the runner reads on."""
        return bool(self._unsent)

    def send(self, messages: Iterable[Message]) -> None:
        """Send *messages* now, or as soon as the runner reads. Raises: RunnerGone."""
        for message in messages:
            self._unsent += protocol.encode(message)
        self.flush()

    def flush(self) -> None:
        """Send what waits, as far as the runner takes it. Raises: RunnerGone."""
        try:
            while self._unsent:
                del self._unsent[: self._socket.send(self._unsent)]
        except BlockingIOError:
            return
        except OSError as error:
            raise RunnerGone from error

    def receive(self) -> list[Message]:
        """Return the whole messages that have come. Raises: RunnerGone once there are none."""
        messages: list[Message] = []
        try:
            while chunk := self._socket.recv(_CHUNK):
                messages += self._lines.feed(chunk)
        except BlockingIOError:
            return messages
        except OSError as error:
            raise RunnerGone from error
        if messages:
            return messages  # its last words; the next call finds it gone
        raise RunnerGone

    def close(self) -> None:
        """End the connection; the runner lives on."""
        self._socket.close()


def new_name(number: int, node: str) -> str:
    """Return a name that no runner had before, and whose end tells its *node*.

    Several nodes may share a data folder, and names of nodes are long: ``r1-5f2c09aa-0c83f57c``.
    """
    return f"r{number}-{secrets.token_hex(4)}-{_tag(node)}"


def folder_of(data_dir: Path, name: str) -> Path:
    """Return the folder of the runner called *name*."""
    return runners_dir(data_dir) / name


def start_runner(data_dir: Path, name: str) -> "subprocess.Popen[bytes]":
    """Start a runner in a session of its own, with none of our descriptors or secrets.

    Raises: OSError when the machine is short of something.
    """
    folder = folder_of(data_dir, name)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / protocol.ERRORS).open("ab") as errors:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", _PROGRAM, "--folder", str(folder)],
            cwd=data_dir,
            env={key: os.environ[key] for key in _INHERITED if key in os.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )


def known_runners(data_dir: Path, node: str) -> list[str]:
    """Return the names of all runners of *node*, living and dead, that have a folder here."""
    found = runners_dir(data_dir).glob(f"*-{_tag(node)}")
    return sorted(path.name for path in found if path.is_dir())


def _tag(node: str) -> str:
    return hashlib.sha256(node.encode()).hexdigest()[:8]


def is_alive(data_dir: Path, name: str) -> bool:
    """Return whether the runner lives: whether the lock of its journal is held."""
    return journal.is_held(folder_of(data_dir, name) / protocol.JOURNAL)


def testament(data_dir: Path, name: str) -> journal.Contents:
    """Return what the journal of a dead runner says; empty when it never wrote one."""
    with suppress(FileNotFoundError):
        return journal.inspect(folder_of(data_dir, name) / protocol.JOURNAL)[1]
    return journal.Contents()


def last_words(data_dir: Path, name: str) -> str:
    """Return the last line that a dead runner wrote to its stderr: "" when it was killed."""
    with suppress(OSError):
        text = (folder_of(data_dir, name) / protocol.ERRORS).read_bytes()[-4096:]
        return (text.decode("utf-8", "replace").strip().splitlines() or [""])[-1]
    return ""


def discard(data_dir: Path, name: str) -> None:
    """Remove the folder of a dead runner whose runs have all been settled."""
    folder = folder_of(data_dir, name)
    with suppress(OSError):
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
