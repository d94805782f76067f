"""Whose process is at the other end of a loopback connection.

The kernel lists every TCP socket with its owner in /proc/net/tcp and tcp6. A row counts only
while its inode is not 0: the socket of a client that has closed already is listed as if root
owned it, and believing that would let any user of the machine in. Looked up once per connection.
"""

import ipaddress
import os
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

FORWARDING = frozenset(
    {
        "HTTP_FORWARDED",
        "HTTP_VIA",
        "HTTP_X_REAL_IP",
        "HTTP_X_CLIENT_IP",
        "HTTP_X_CLUSTER_CLIENT_IP",
        "HTTP_X_ORIGINAL_FORWARDED_FOR",
        "HTTP_X_ORIGINAL_HOST",
        "HTTP_X_FORWARDED",
        "HTTP_TRUE_CLIENT_IP",
        "HTTP_CF_CONNECTING_IP",
        "HTTP_FASTLY_CLIENT_IP",
        "HTTP_X_ENVOY_EXTERNAL_ADDRESS",
    }
)
_TABLES = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
_known: "WeakKeyDictionary[socket.socket, int]" = WeakKeyDictionary()
_guard = threading.Lock()

Address = tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]


def forwarded(environ: Mapping[str, Any]) -> bool:
    """Return whether a proxy passed this request on: then its peer is not its sender."""
    return any(name in FORWARDING or name.startswith("HTTP_X_FORWARDED_") for name in environ)


def is_own(environ: Mapping[str, Any]) -> bool:
    """Return whether the peer is a process of our own user, or of root, on this machine."""
    uid = uid_of(environ)
    return uid is not None and uid in {0, os.getuid()}


def uid_of(environ: Mapping[str, Any]) -> int | None:
    """Return the user at the other end of the request's connection; None if not known."""
    connection = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")
    if connection is None:
        return None
    with _guard:
        uid = _known.get(connection)
    if uid is None:
        uid = uid_at(connection)
        if uid is not None:
            with _guard:
                _known[connection] = uid
    return uid


def uid_at(connection: socket.socket) -> int | None:
    """Return the user who owns the client's side of *connection* on loopback, else None."""
    if connection.family not in {socket.AF_INET, socket.AF_INET6}:
        return None
    try:
        ours, theirs = _address(connection.getsockname()), _address(connection.getpeername())
    except OSError:
        return None  # gone already
    if not theirs[0].is_loopback:
        return None
    # Twice: in the moment of closing, owner and inode may be read from different states.
    first, second = _look_up(theirs, ours), _look_up(theirs, ours)
    return first[0] if first is not None and first == second else None


def _address(name: tuple[Any, ...]) -> Address:
    address = ipaddress.ip_address(name[0].partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address, name[1]


def _look_up(local: Address, remote: Address) -> tuple[int, int] | None:
    """Return (uid, inode) of the socket with these ends, None unless somebody holds it open."""
    for table, wanted in _wanted(local, remote):
        for line in _rows(table):
            if wanted in line:
                fields = line.split()
                uid, inode = int(fields[7]), int(fields[9])
                if f"{fields[1]} {fields[2]}" == wanted and inode:
                    return uid, inode
    return None


def _wanted(local: Address, remote: Address) -> Iterator[tuple[Path, str]]:
    """Yield each table that may list the socket with the text of its two ends there."""
    if local[0].version == 4:
        yield _TABLES[0], f"{_as_v4(local)} {_as_v4(remote)}"
    yield _TABLES[1], f"{_as_v6(local)} {_as_v6(remote)}"


def _as_v4(address: Address) -> str:
    return f"{_words(address[0].packed)}:{address[1]:04X}"


def _as_v6(address: Address) -> str:
    packed = address[0].packed
    full = packed if len(packed) == 16 else b"\0" * 10 + b"\xff\xff" + packed
    return f"{_words(full)}:{address[1]:04X}"


def _words(packed: bytes) -> str:
    """Return an address as the kernel prints it: 32-bit words in the machine's byte order."""
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words)


def _rows(table: Path) -> list[str]:
    try:
        return table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return []  # no such protocol, or no /proc: nobody is let in by this way
