"""Asking the kernel for one TCP socket: its owner and its inode.

The kernel's socket diagnosis (netlink, sock_diag(7)) finds it by its two ends at once. The tables
in /proc/net say the same, but each reading of them walks all sockets of the machine, closed ones
included: after some thousand connections that takes 15 ms. They are the second way, for kernels
without the first.
"""

import ipaddress
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

Host = ipaddress.IPv4Address | ipaddress.IPv6Address
Address = tuple[Host, int]
Owner = tuple[int, int]  # uid and inode

TABLES = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLMSG_ERROR = 2
_NLM_F_REQUEST = 1
_ALL_STATES = 0xFFFFFFFF
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ENDS = struct.Struct("!HH16s16s")  # source and destination port, source and destination
_REQUEST = struct.Struct("=BBBxI")  # family, protocol, extensions, states
_NO_COOKIE = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)  # any interface, any cookie
# inet_diag_msg: four bytes, the ends (48 bytes), three words, then uid and inode.
_OWNER = struct.Struct("=II")
_OWNER_AT = _HEADER.size + 4 + 48 + 12
_ENOENT = 2


def owner_of(local: Address, remote: Address) -> Owner | None:
    """Return (uid, inode) of the socket with these ends; None when there is none.

    The inode is 0 once no process holds the socket any more; its uid is then worth nothing.
    Raises: OSError when the machine is too short of something to find out.
    """
    try:
        return _diagnosed(local, remote)
    except OSError:
        return listed(local, remote)


def listed(local: Address, remote: Address) -> Owner | None:
    """Return the same from the tables in /proc/net."""
    for table, wanted in _wanted(local, remote):
        for line in _rows(table):
            if wanted in line:
                fields = line.split()
                if f"{fields[1]} {fields[2]}" == wanted:
                    return int(fields[7]), int(fields[9])
    return None


def _diagnosed(local: Address, remote: Address) -> Owner | None:
    """Ask the kernel. Raises: OSError when it cannot be asked."""
    version4 = local[0].version == 4
    family = socket.AF_INET if version4 else socket.AF_INET6
    ends = _ENDS.pack(local[1], remote[1], local[0].packed, remote[0].packed)
    body = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, _ALL_STATES) + ends + _NO_COOKIE
    head = _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(1.0)
        kernel.send(head + body)
        return _read(kernel.recv(4096))


def _read(answer: bytes) -> Owner | None:
    kind = _HEADER.unpack_from(answer)[1]
    if kind == _SOCK_DIAG_BY_FAMILY and len(answer) >= _OWNER_AT + _OWNER.size:
        uid, inode = _OWNER.unpack_from(answer, _OWNER_AT)
        return uid, inode
    code = -struct.unpack_from("=i", answer, _HEADER.size)[0] if kind == _NLMSG_ERROR else 0
    if code == _ENOENT:
        return None
    raise OSError(code, "the kernel does not diagnose sockets")


def _wanted(local: Address, remote: Address) -> Iterator[tuple[Path, str]]:
    """Yield each table that may list the socket with the text of its two ends there."""
    if local[0].version == 4:
        yield TABLES[0], f"{_as_v4(local)} {_as_v4(remote)}"
    yield TABLES[1], f"{_as_v6(local)} {_as_v6(remote)}"


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
    except (FileNotFoundError, PermissionError):
        return []  # no such protocol, or no /proc: nobody is let in by this way
