"""What a client asks of the server: objects, lists over all their pages, changes."""

import os
from collections.abc import Iterator, Mapping
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from jobsched.client.access import Access
from jobsched.client.connection import Answer, Connection
from jobsched.client.failures import Refused, Unexpected

PAGE = 1000  # as many as one answer has at the most
Json = dict[str, Any]


class Api:
    """The HTTP interface of the server at *access*."""

    def __init__(self, access: Access) -> None:
        self.connection = Connection(access)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def get(self, path: str, **query: object) -> Json:
        """Return what GET shows. Raises: ClientError."""
        return self.connection.ask("GET", path, query=query).json

    def known(self, path: str) -> Json | None:
        """Return what GET shows, None when there is no such thing. Raises: ClientError."""
        try:
            return self.get(path)
        except Refused as refusal:
            if refusal.status != 404:
                raise
        return None

    def values(
        self, path: str, query: Mapping[str, object] | None = None, limit: int | None = None
    ) -> Iterator[Json]:
        """Yield the values of a list, page by page; no more than *limit*. Raises: ClientError.

        Of the address of the next page only the cursor is taken: behind a proxy the server may
        not know under which name it is reached.
        """
        left, cursor = limit, None
        while left is None or left > 0:
            size = PAGE if left is None else min(left, PAGE)
            page = self.get(path, **(query or {}), limit=size, cursor=cursor)
            yield from (values := _values_of(page))
            left = None if left is None else left - len(values)
            cursor = _cursor(page.get("next"))
            if cursor is None:
                return

    def change(
        self, method: str, path: str, body: object = None, *, query: Mapping[str, object] = {}
    ) -> Answer:
        """Send a request that changes something. Raises: ClientError."""
        return self.connection.ask(method, path, query=query, json_body=body)

    def text(self, path: str, form: Mapping[str, str]) -> str:
        """POST a form to a text command and return what it says. Raises: ClientError."""
        return self.connection.ask("POST", path, form=form).text

    def order(self, path: str, body: object = None) -> Answer:
        """POST what must not happen twice, also when the connection breaks. Raises: ClientError."""
        key = {"Idempotency-Key": os.urandom(16).hex()}
        return self.connection.ask("POST", path, json_body=body, headers=key)


def _values_of(page: Json) -> list[Json]:
    if not isinstance(page.get("values"), list):
        raise Unexpected("The server's answer is no list; is it a jobsched server?")
    values: list[Json] = page["values"]
    return values


def _cursor(address: str | None) -> str | None:
    return None if not address else parse_qs(urlsplit(address).query).get("cursor", [None])[0]
