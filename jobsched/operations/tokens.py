"""The tokens that open the server: making, listing and taking them back."""

import logging
from datetime import datetime

from jobsched import clock
from jobsched.errors import InvalidInput, UnknownToken
from jobsched.model import Role
from jobsched.operations.announce import Announcer
from jobsched.storage import Store
from jobsched.storage.tokens import Token


class Tokens:
    """Managing tokens; their secrets never come here, only digests."""

    def __init__(self, store: Store, announce: Announcer) -> None:
        self._store = store
        self._announce = announce

    def add(
        self, *, name: str, role: Role, digest: str, by: str, expires_at: datetime | None = None
    ) -> int:
        """Keep the *digest* of a new token; return its id.

        Raises: InvalidInput when it would have expired already; Conflict while another token
            of this name is valid.
        """
        if expires_at is not None and expires_at <= clock.now():
            raise InvalidInput.field("expires_at", "past", "expires_at lies in the past.")
        expires_us = None if expires_at is None else clock.to_us(expires_at)
        token_id = self._store.tokens.add(name, role, digest, expires_us)
        self._announce.server("token added", by, token=token_id, name=name, role=role.value)
        return token_id

    def list(self) -> list[Token]:
        """Return all tokens, oldest first."""
        return self._store.tokens.list()

    def revoke(self, token_id: int, by: str) -> int:
        """Take a token back; return how many are left. Raises: UnknownToken.

        Without any, the server is open on the loopback interface again, which is told.
        """
        if not self._store.tokens.delete(token_id):
            raise UnknownToken(token_id)
        left = len(self._store.tokens.list())
        level = logging.INFO if left else logging.WARNING
        self._announce.server("token revoked", by, level, token=token_id, left=left)
        return left
