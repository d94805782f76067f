"""Hints between processes: they arrive, they never block, and nothing depends on them."""

import errno
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsched.wake import TOPICS, Listener, Wake


@pytest.fixture
def wake(tmp_path: Path) -> Iterator[Wake]:
    wake = Wake(tmp_path)
    yield wake
    wake.close()


@pytest.mark.parametrize("topic", TOPICS)
def test_a_hint_wakes_who_listens_to_its_topic(tmp_path: Path, wake: Wake, topic: str) -> None:
    with Listener(tmp_path, topic) as listener:
        wake.notify(topic)

        assert listener.wait(10)


def test_a_hint_wakes_nobody_else(tmp_path: Path, wake: Wake) -> None:
    with Listener(tmp_path, "web") as listener:
        wake.notify("scheduler")

        assert not listener.wait(0)


def test_a_hint_wakes_a_sleeper(tmp_path: Path, wake: Wake) -> None:
    with Listener(tmp_path, "web") as listener:
        waker = threading.Thread(target=wake.notify, args=["web"])
        waker.start()

        assert listener.wait(30)
        waker.join()


def test_many_hints_are_one(tmp_path: Path, wake: Wake) -> None:
    with Listener(tmp_path, "web") as listener:
        for _ in range(1000):  # far more than a socket holds: sending never blocks
            wake.notify("web")

        assert listener.wait(0)
        assert not listener.wait(0)
        assert not listener.drain()


def test_no_hint_means_a_bounded_sleep(tmp_path: Path) -> None:
    with Listener(tmp_path, "web") as listener:
        assert not listener.wait(0.01)
        assert not listener.wait(-1)


def test_a_listener_can_be_polled(tmp_path: Path) -> None:
    with Listener(tmp_path, "web") as listener:
        assert listener.fileno() > 0


def test_a_listener_that_closed_leaves_nothing(tmp_path: Path, wake: Wake) -> None:
    Listener(tmp_path, "web").close()

    assert list((tmp_path / "wake").iterdir()) == []
    wake.notify("web")


def test_what_a_killed_listener_left_is_removed(tmp_path: Path, wake: Wake) -> None:
    listener = Listener(tmp_path, "web")
    listener._socket.close()

    wake.notify("web")

    assert list((tmp_path / "wake").iterdir()) == []


def test_a_listener_takes_the_place_of_what_a_killed_one_left(tmp_path: Path, wake: Wake) -> None:
    Listener(tmp_path, "web")._socket.close()

    with Listener(tmp_path, "web") as listener:
        wake.notify("web")

        assert listener.wait(10)


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path, wake: Wake) -> None:
    (tmp_path / "wake").mkdir()
    (tmp_path / "wake" / "web.txt").write_text("")

    wake.notify("web")


def test_waking_before_anybody_ever_listened_is_no_error(wake: Wake) -> None:
    wake.notify("web")


def test_a_folder_deeper_than_a_socket_name_may_be_works(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100) / ("y" * 100)
    wake = Wake(deep)

    with Listener(deep, "web") as listener:
        wake.notify("web")
        assert listener.wait(10)
    wake.close()


def test_the_folder_is_private(tmp_path: Path) -> None:
    with Listener(tmp_path, "web"):
        assert (tmp_path / "wake").stat().st_mode & 0o777 == 0o700


def test_the_sending_socket_never_blocks(wake: Wake) -> None:
    assert wake._socket.type == socket.SOCK_DGRAM
    assert not wake._socket.getblocking()


def test_a_hint_that_cannot_be_sent_harms_nobody(
    tmp_path: Path, wake: Wake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(_: object) -> list[str]:
        raise OSError(errno.EMFILE, "no descriptor left")

    with Listener(tmp_path, "web") as listener:
        monkeypatch.setattr(os, "listdir", short)
        wake.notify("web")

        assert not listener.wait(0)
