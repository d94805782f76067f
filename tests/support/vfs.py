"""Requests to the files of the site that tests send."""

import http.client
from urllib.parse import urlsplit

import requests

from tests.support.server import Server

JSON = "application/json; charset=utf-8"
TEXT = b"aaa\r\nbbb\r\nccc\r\n"


def raw(server: Server, path: str, method: str = "GET") -> tuple[int, bytes]:
    """Send *path* as it is: requests would tidy it."""
    place = urlsplit(server.url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=20)
    connection.putrequest(method, path, skip_accept_encoding=True)
    connection.endheaders()
    response = connection.getresponse()
    try:
        return response.status, response.read()
    finally:
        connection.close()


def put(
    server: Server, path: str, data: bytes = TEXT, etag: str | None = None
) -> requests.Response:
    """Write a file, only over the version *etag* if one is given."""
    return server.put(path, data=data, headers={} if etag is None else {"If-Match": etag})


def message(response: requests.Response) -> str:
    """Return what a refusal says, after checking its form."""
    assert response.headers["Content-Type"] == JSON
    body = response.json()
    assert list(body) == ["Message"]
    return str(body["Message"])
