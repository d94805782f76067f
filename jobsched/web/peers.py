"""Whose process is at the other end of a loopback connection.

The kernel knows the owner of every TCP socket. It counts only while the socket's inode is not 0:
that of a client that has closed already is listed as if root owned it, and believing that would
let any user of the machine in. Looked up once per connection.
"""

import ipaddress
import os
import socket
import threading
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from jobsched.web import sockdiag

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
_known: "WeakKeyDictionary[socket.socket, int]" = WeakKeyDictionary()
_guard = threading.Lock()


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
    first, second = sockdiag.owner_of(theirs, ours), sockdiag.owner_of(theirs, ours)
    if first is None or first != second or not first[1]:
        return None
    return first[0]


def _address(name: tuple[Any, ...]) -> sockdiag.Address:
    address = ipaddress.ip_address(name[0].partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address, name[1]
