"""One socket's owner, by both ways of asking."""

import errno
import ipaddress
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from jobsched.web import sockdiag
from jobsched.web.sockdiag import Address, Owner, listed, owner_of
from tests.support.waiting import until

Ask = Callable[[Address, Address], Owner | None]
both = pytest.mark.parametrize("ask", [sockdiag._diagnosed, listed], ids=["netlink", "proc"])


def _address(name: tuple[str, int]) -> Address:
    return ipaddress.ip_address(name[0]), name[1]


@both
def test_owner_and_inode_are_those_of_the_open_socket(ask: Ask) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
    ):
        ends = _address(client.getsockname()), _address(client.getpeername())

        assert ask(*ends) == (os.getuid(), os.fstat(client.fileno()).st_ino)


@both
def test_a_closed_socket_has_no_inode(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        ends = _address(client.getsockname()), _address(client.getpeername())
        accepted, _ = listener.accept()
        client.close()
        with accepted:
            until(lambda: accepted.recv(1) == b"")
            owner = ask(*ends)

    assert owner is None or owner[1] == 0


@both
def test_there_may_be_no_such_socket(ask: Ask) -> None:
    nowhere = ipaddress.ip_address("127.0.0.1")
    assert ask((nowhere, 1), (nowhere, 2)) is None


def test_without_netlink_the_tables_are_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no netlink here")

    table = tmp_path / "tcp"
    table.write_text(
        "sl local rem st\n 0: 0100007F:0001 0100007F:0002 01 0:0 00:0 0 7 0 99 1\n",
        encoding="ascii",
    )
    monkeypatch.setattr(sockdiag, "_diagnosed", refuse)
    monkeypatch.setattr(sockdiag, "TABLES", (table, tmp_path / "none"))
    ours = ipaddress.ip_address("127.0.0.1")

    assert owner_of((ours, 1), (ours, 2)) == (7, 99)
    assert owner_of((ours, 1), (ours, 3)) is None


def test_who_cannot_be_looked_up_for_want_is_not_taken_for_a_stranger(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def short(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "no descriptor left")

    monkeypatch.setattr(sockdiag, "_diagnosed", short)
    monkeypatch.setattr(Path, "read_text", short)
    ours = ipaddress.ip_address("127.0.0.1")

    with pytest.raises(OSError, match="no descriptor left"):
        owner_of((ours, 1), (ours, 2))
