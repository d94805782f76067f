"""What supervisor and runner say to each other: one JSON object per line over a Unix socket.

Supervisor to runner: ``hello start stop lease forget retire ping``; runner to supervisor: ``state
started refused ended progress unknown pong``. A start for a (run, claim) that the runner knows
is answered with its present state and never started twice; an end is told only after it stands
in the journal, and told again after each ``hello`` until it is forgotten.

Standard library only: the runner imports this.
"""

import binascii
import errno
import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

VERSION = 1
SOCKET = "socket"
JOURNAL = "journal"
ERRORS = "stderr"
COOKIE = "JOBSCHED_COOKIE"  # marks every process of a run, in its environment

# Our own want, not the job's fault: such a run goes back to the queue.
SHORTAGES = frozenset({errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC})

Message = dict[str, Any]
Key = tuple[int, int]  # run id, claim

_encoder = json.JSONEncoder(separators=(",", ":"))


def encode(message: Mapping[str, Any]) -> bytes:
    """Return *message* as one line; text that is no valid Unicode (surrogates) survives."""
    return _encoder.encode(message).encode("ascii") + b"\n"


class Lines:
    """Cuts a byte stream into messages; keeps what is not yet a whole line."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Message]:
        """Return the messages that *data* completes. Raises: ValueError for what is no JSON."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in whole if line]


def pack(data: bytes) -> str:
    """Return bytes as the base64 text that messages carry."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def unpack(text: str | None) -> bytes | None:
    """Return the bytes of :func:`pack`'s text; None stays None."""
    return None if text is None else binascii.a2b_base64(text)


def connect(folder: str | os.PathLike[str]) -> socket.socket:
    """Return a connection to the runner that owns *folder*, however long its path is.

    Raises: OSError (FileNotFoundError, ConnectionRefusedError) when none listens there.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # A socket's path may have 107 bytes; through the folder's descriptor any folder will do.
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        connection.connect(f"/proc/self/fd/{handle}/{SOCKET}")
    except OSError:
        connection.close()
        raise
    finally:
        os.close(handle)
    return connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whom a job runs as: numbers, since the runner looks nothing up."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """The order to start one claim of a run. Times in seconds, None or 0 = no limit.

    *kind* ``command`` runs *argv*; ``task`` calls *task* in a worker process started by *argv*;
    ``launch`` runs *argv*, which becomes the script of a web job. *log*: a
    :class:`~jobsched.execution.runner.joblog.LogOrder`; *shutdown_file* is written before the run
    is asked to end.
    *path* (absolute) plus ``.out``, ``.err``, ``.order`` are the files of longer output, *cap*
    the bytes kept of each stream. *limits*: see :mod:`jobsched.execution.runner.limits`. After
    *lease* the run is killed unless a ``lease`` message has prolonged that. *health*: ``interval``,
    ``timeout``, ``failures``, and ``command`` or ``host``, ``port``, ``path``, ``name``.
    *redirect*: see :mod:`jobsched.execution.runner.redirecting`.
    """

    run: int
    claim: int
    argv: Sequence[str]
    cwd: str
    env: Mapping[str, str]
    path: str
    cookie: str
    kind: str = "command"
    cap: int = 50 * 2**20
    timeout: float | None = None
    idle_timeout: float | None = None
    grace: float = 5.0
    lease: float | None = None
    health: Mapping[str, Any] | None = None
    detach: bool = False
    run_as: Identity | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    warm: bool = True
    task: Mapping[str, Any] | None = None
    info: Mapping[str, Any] | None = None
    load_timeout: float = 60.0
    log: Mapping[str, Any] | None = None
    shutdown_file: str | None = None
    redirect: Mapping[str, Any] | None = None

    @property
    def key(self) -> Key:
        """What tells this start from every other."""
        return (self.run, self.claim)

    def to_message(self) -> Message:
        """Return the ``start`` message of this order."""
        message: Message = {name: getattr(self, name) for name in _PLAIN}
        message.update(op="start", output={"cap": self.cap, "path": self.path}, run_as=None)
        if self.run_as is not None:
            identity = self.run_as
            message["run_as"] = {
                "uid": identity.uid,
                "gid": identity.gid,
                "groups": list(identity.groups),
            }
        return message

    @classmethod
    def from_message(cls, message: Message) -> "StartRequest":
        """Return the order in *message*. Raises: KeyError, TypeError when it is none."""
        given = {name: message[name] for name in _PLAIN if name in message}
        identity = message.get("run_as")
        return cls(
            **given,
            **message.get("output", {}),
            run_as=None if identity is None else _identity(identity),
        )


def _identity(given: Message) -> Identity:
    return Identity(uid=given["uid"], gid=given["gid"], groups=tuple(given.get("groups", ())))


_PLAIN = tuple(name for name in StartRequest.__slots__ if name not in {"cap", "path", "run_as"})
