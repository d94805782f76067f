"""What is put in place is on the disk first: file by file, or all of a file system at once."""

import ctypes
import errno
from pathlib import Path

import pytest

from jobsched.webjobs import swapping


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of what is synced one by one, and ``all``."""
    asked: list[str] = []
    monkeypatch.setattr(swapping, "sync_one", lambda path: asked.append(path.name))
    monkeypatch.setattr(swapping, "sync_all", lambda _path: asked.append("all"))
    return asked


def test_a_few_files_are_synced_one_by_one_with_their_folders(
    tmp_path: Path, asked: list[str]
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")

    swapping.sync(tmp_path)

    assert asked == [tmp_path.name, "folder", "file"]


@pytest.mark.parametrize("count", [199, 200, 5000])
def test_many_files_are_synced_at_once(tmp_path: Path, asked: list[str], count: int) -> None:
    for number in range(count):
        (tmp_path / f"{number}").touch()

    swapping.sync(tmp_path)

    assert len(asked) == (1 if count >= 200 else count + 1)


def test_a_disk_that_refuses_to_keep_them_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing:
        def syncfs(self, _descriptor: int) -> int:
            ctypes.set_errno(errno.EIO)
            return -1

    swapping.sync_all(tmp_path)
    monkeypatch.setattr(swapping, "_libc", Refusing())

    with pytest.raises(OSError, match="Input/output"):
        swapping.sync_all(tmp_path)
