"""Who somebody is: tokens, their digests, and the principal a request acts as.

A token is 256 random bits, shown once; only its SHA-256 is stored. Nothing here knows HTTP.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from jobsched import clock
from jobsched.model import Role

MAX_TOKEN = 256  # characters; longer ones are not worth hashing
TOUCH_EVERY_US = 60 * clock.SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who acts, with which role, and from where (an address).

    *credential* is the id of the token used, None for an open loopback or an exempt endpoint.
    """

    name: str
    role: Role
    source: str
    credential: int | None = None


class StoredToken(Protocol):
    """A token as the storage knows it."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def role(self) -> Role: ...
    @property
    def digest(self) -> str: ...
    @property
    def expires_at(self) -> datetime | None: ...


class TokenBook(Protocol):
    """What authentication asks of ``storage.tokens``."""

    def by_digest(self, digest: str) -> StoredToken | None: ...
    def any(self) -> bool: ...
    def touch(self, token_id: int, now_us: int) -> None: ...


def new_token() -> str:
    """Return a new token: 256 random bits in 43 characters that need no quoting."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """Return what is stored of *token*: its SHA-256, hexadecimal."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def matches(token: str, stored: str) -> bool:
    """Return whether *token* has the digest *stored*, in constant time; an empty one never."""
    return bool(token) and hmac.compare_digest(digest(token), stored)


def identify(token: str, book: TokenBook, source: str) -> Principal | None:
    """Return whom *token* stands for, None if it is unknown, empty or has expired."""
    if not token or len(token) > MAX_TOKEN:
        return None
    found = book.by_digest(digest(token))
    if found is None or not matches(token, found.digest):
        return None
    if found.expires_at is not None and found.expires_at <= clock.now():
        return None
    return Principal(name=found.name, role=found.role, source=source, credential=found.id)
