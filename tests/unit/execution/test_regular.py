"""What a job may put in place of a file of ours: never followed, never waited for."""

import os
import stat
from pathlib import Path

import pytest

from jobsched.execution import regular

pytestmark = pytest.mark.timeout(20)  # whoever waits for a pipe waits for ever
APPEND = os.O_RDWR | os.O_CREAT | os.O_APPEND


def test_a_file_is_made_and_opened_again(tmp_path: Path) -> None:
    for text in (b"one", b"two"):
        handle = regular.open_file(str(tmp_path / "log"), APPEND)
        os.write(handle, text)
        os.close(handle)

    assert regular.read(tmp_path / "log", 100) == b"onetwo"
    assert regular.read(tmp_path / "log", 4) == b"onet"


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY | os.O_CREAT, APPEND])
def test_a_named_pipe_is_refused_at_once(tmp_path: Path, flags: int) -> None:
    os.mkfifo(tmp_path / "log")

    with pytest.raises(OSError, match=r"regular|No such device"):
        regular.open_file(str(tmp_path / "log"), flags)


def test_no_descriptor_is_left_of_what_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    before = len([*Path("/proc/self/fd").iterdir()])

    for _ in range(10):
        with pytest.raises(OSError, match="regular"):
            regular.open_file(str(tmp_path / "log"), APPEND)

    assert len([*Path("/proc/self/fd").iterdir()]) == before


@pytest.mark.parametrize("linked", ["log", "folder"])
def test_a_link_is_not_followed_be_it_the_file_or_its_folder(tmp_path: Path, linked: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path = tmp_path / "folder" / "log"
    if linked == "folder":
        path.parent.symlink_to(elsewhere)
    else:
        path.parent.mkdir()
        path.symlink_to(elsewhere / "log")

    with pytest.raises(OSError, match=r"symbolic links|Not a directory"):
        regular.open_file(str(path), APPEND)

    assert list(elsewhere.iterdir()) == []


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("a long text of before")

    regular.replace(tmp_path / "status", b"new")

    assert (tmp_path / "status").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["status"]


def test_what_stands_in_its_place_is_replaced_not_written_to(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (tmp_path / "status").symlink_to(victim)
    os.mkfifo(tmp_path / "other")

    regular.replace(tmp_path / "status", b"new")
    regular.replace(tmp_path / "other", b"new")

    assert victim.read_text() == "kept"
    for name in ("status", "other"):
        assert stat.S_ISREG((tmp_path / name).lstat().st_mode)


def test_nothing_is_left_where_it_cannot_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "status").mkdir()

    with pytest.raises(IsADirectoryError):
        regular.replace(tmp_path / "status", b"new")

    assert [path.name for path in tmp_path.iterdir()] == ["status"]
