"""Who is at the other end of real connections."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from jobsched.web import peers, sockdiag


@contextmanager
def _connected(family: int = socket.AF_INET, host: str = "127.0.0.1") -> Iterator[socket.socket]:
    with (
        socket.create_server((host, 0), family=family) as listener,
        socket.create_connection(listener.getsockname()[:2]),
    ):
        accepted, _ = listener.accept()
        with accepted:
            yield accepted


def test_the_owner_of_a_loopback_connection_is_found() -> None:
    with _connected() as accepted:
        assert peers.uid_at(accepted) == os.getuid()
        assert peers.is_own({"gunicorn.socket": accepted})


def test_the_owner_is_found_over_version_6() -> None:
    try:
        connected = _connected(socket.AF_INET6, "::1")
        with connected as accepted:
            assert peers.uid_at(accepted) == os.getuid()
    except OSError:
        pytest.skip("no IPv6 here")


def test_a_client_through_a_mapped_address_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        try:
            client = socket.socket(socket.AF_INET6)
            client.connect(("::ffff:127.0.0.1", listener.getsockname()[1]))
        except OSError:
            client.close()
            pytest.skip("no IPv6 here")
        accepted, _ = listener.accept()
        with client, accepted:
            assert peers.uid_at(accepted) == os.getuid()


def test_the_kernel_is_asked_once_per_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with _connected() as accepted:
        environ = {"gunicorn.socket": accepted}
        assert peers.uid_of(environ) == os.getuid()

        monkeypatch.setattr(sockdiag, "owner_of", lambda *_: None)

        assert peers.uid_of(environ) == os.getuid()


@pytest.mark.parametrize(("uid", "inode", "found"), [(7, 99, 7), (0, 99, 0), (0, 0, None)])
def test_an_owner_counts_only_while_somebody_holds_the_socket(
    monkeypatch: pytest.MonkeyPatch, uid: int, inode: int, found: int | None
) -> None:
    monkeypatch.setattr(sockdiag, "owner_of", lambda *_: (uid, inode))
    with _connected() as accepted:
        assert peers.uid_at(accepted) == found


def test_an_owner_that_changes_while_it_is_looked_at_counts_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = iter([(0, 99), (0, 0)])
    monkeypatch.setattr(sockdiag, "owner_of", lambda *_: next(seen))
    with _connected() as accepted:
        assert peers.uid_at(accepted) is None


def test_without_a_known_connection_nobody_is_ours() -> None:
    closed = socket.socket()
    closed.close()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for connection in (None, closed, ours):
            assert not peers.is_own({"gunicorn.socket": connection})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_X_FORWARDED_FOR", "127.0.0.1"),
        ("HTTP_X_FORWARDED_ANYTHING", ""),
        ("HTTP_FORWARDED", "for=127.0.0.1"),
        ("HTTP_VIA", "1.1 proxy"),
        ("HTTP_X_REAL_IP", "127.0.0.1"),
    ],
)
def test_any_forwarding_header_tells_of_a_proxy(name: str, value: str) -> None:
    assert peers.forwarded({name: value})
    assert not peers.forwarded({"HTTP_HOST": "localhost"})
