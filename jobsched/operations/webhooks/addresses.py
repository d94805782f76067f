"""Where a web hook may go: nowhere that only this machine or its network can reach.

``https`` to a public address, or whatever host the setting WEBHOOK_ALLOWED_HOSTS names. A name is
judged by every address that it resolves to, at each attempt and after each redirect; the caller
then connects to exactly such an address, so that a second answer of the name server changes
nothing.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from jobsched.errors import InvalidInput

LONGEST = 2000
_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"[\x21-\x7e]+")
_NAME = re.compile(
    r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*", re.ASCII
)
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
Place = tuple[socket.AddressFamily, tuple[Any, ...]]  # where to connect to


class Forbidden(Exception):
    """A web hook may not go there; *reason* is a sentence for its owner."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address in its parts; *path* has the query, *login* is ``USER:PASSWORD``."""

    scheme: str
    host: str
    port: int
    path: str
    login: str | None = None

    @property
    def url(self) -> str:
        """The whole address in one spelling, but for the login."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    def is_named_by(self, allowed: Iterable[str]) -> bool:
        """Return whether *allowed* (``NAME``, ``NAME:PORT``) has this host."""
        names = {self.host, f"{self.host}:{self.port}", f"[{self.host}]:{self.port}"}
        return any(name.strip().lower() in names | {f"[{self.host}]"} for name in allowed)


def parse(text: str, allowed: Iterable[str]) -> Address:
    """Return the address *text* of a web hook.

    Raises: InvalidInput when it is none, or one to which web hooks may not go.
    """
    address = _parsed(text)
    if address is None:
        message = "url must be an address such as https://example.com/path."
        raise InvalidInput.field("url", "invalid", message)
    try:
        _check(address, tuple(allowed))
    except Forbidden as refusal:
        raise InvalidInput.field("url", "not_allowed", refusal.reason) from None
    return address


def with_login(address: Address, login: str | None) -> Address:
    """Return *address* with the ``USER:PASSWORD`` that was kept beside it."""
    return replace(address, login=login)


def redirected(address: Address, location: str, allowed: Iterable[str]) -> Address:
    """Return where *address* sends its callers; another server does not get the login.

    Raises: Forbidden.
    """
    target = _parsed(urljoin(address.url, location.strip()))
    if target is None:
        raise Forbidden("It redirects to what is no address.")
    _check(target, tuple(allowed))
    same = (target.scheme, target.host, target.port) == (address.scheme, address.host, address.port)
    return replace(target, login=address.login if same else None)


def places(address: Address, allowed: Iterable[str]) -> list[Place]:
    """Return where to connect to: what the host resolves to, all of it allowed.

    Raises: Forbidden; OSError when the name does not resolve.
    """
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    if not address.is_named_by(allowed):
        for *_, where in found:
            _check_public(address.host, str(where[0]))
    return [(family, where) for family, _, _, _, where in found]


def _parsed(text: str) -> Address | None:
    if len(text) > LONGEST or not _URL.fullmatch(text) or "\\" in text:
        return None
    try:
        parts = urlsplit(text)
        port = _PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").removesuffix(".")
    if parts.scheme not in _PORTS or not port or not _is_host(host):
        return None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not (user + password).isprintable():
        return None
    return Address(
        scheme=parts.scheme,
        host=host,
        port=port,
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        login=f"{user}:{password}" if user or password else None,
    )


def _is_host(host: str) -> bool:
    if ":" not in host:
        return len(host) <= 253 and _NAME.fullmatch(host) is not None
    try:
        return ipaddress.IPv6Address(host).scope_id is None
    except ValueError:
        return False


def _check(address: Address, allowed: tuple[str, ...]) -> None:
    """Refuse what needs no name server to be refused. Raises: Forbidden."""
    if address.is_named_by(allowed):
        return
    if address.scheme != "https":
        raise Forbidden(f"{address.host} may be called by https only; {_WAY_OUT}")
    if address.host == "localhost" or address.host.endswith(".localhost"):
        raise Forbidden(f"{address.host} is this machine; {_WAY_OUT}")
    literal = _literal(address.host)
    if literal is not None:
        _check_public(address.host, literal)


_WAY_OUT = "WEBHOOK_ALLOWED_HOSTS names the hosts that may."


def _literal(host: str) -> str | None:
    """Return the address that *host* writes as a number (``2130706433``, ``0x7f.1``), if any."""
    if ":" in host:
        return host
    try:
        return str(IPv4Address(socket.inet_aton(host)))
    except OSError:
        return None


def _check_public(host: str, text: str) -> None:
    where = _inner(ipaddress.ip_address(text.partition("%")[0]))
    if not where.is_global or where.is_multicast or where.is_reserved or where.is_unspecified:
        raise Forbidden(f"{host} is at {where}, which is no public address; {_WAY_OUT}")


def _inner(where: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 one stands for, in whichever of the known ways."""
    if isinstance(where, IPv4Address):
        return where
    if where in _NAT64 or (where in _COMPATIBLE and int(where) > 1):
        return IPv4Address(int(where) & 0xFFFFFFFF)
    teredo = where.teredo
    return where.ipv4_mapped or where.sixtofour or (teredo[1] if teredo else None) or where
