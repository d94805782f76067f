"""Archives that are made while they are sent."""

import io
import os
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from jobsched.client import archives
from jobsched.client.failures import Misused


def test_an_archive_has_all_files_with_their_content_and_mode(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "größe").write_bytes(os.urandom(200_000))
    (tmp_path / "run.sh").write_text("echo\n")
    (tmp_path / "run.sh").chmod(0o755)
    os.utime(tmp_path / "run.sh", (0, 0))  # before the first year of zip files

    data = b"".join(archives.of_folder(tmp_path))

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a/b/größe", "run.sh"]
        assert archive.read("a/b/größe") == (tmp_path / "a" / "b" / "größe").read_bytes()
        assert archive.getinfo("run.sh").external_attr >> 16 & 0o777 == 0o755


def test_no_more_than_a_block_is_in_memory(tmp_path: Path) -> None:
    with (tmp_path / "big").open("wb") as file:
        for _ in range(20):
            file.write(os.urandom(1_000_000))

    tracemalloc.start()
    size = sum(len(block) for block in archives.of_folder(tmp_path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert size > 20_000_000
    assert peak < 2_000_000


def test_no_block_is_empty(tmp_path: Path) -> None:
    (tmp_path / "zeros").write_bytes(bytes(5_000_000))

    assert all(archives.of_folder(tmp_path))


def test_what_goes_away_meanwhile_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(os.urandom(200_000))
    (tmp_path / "b").write_bytes(b"b")
    blocks = archives.of_folder(tmp_path)
    next(blocks)
    (tmp_path / "b").unlink()

    with pytest.raises(Misused, match="b cannot be read: No such file"):
        list(blocks)


def test_a_zip_file_is_known_by_its_content(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "odd.bin", "w") as archive:
        archive.writestr("a", "b")
    (tmp_path / "text.zip").write_text("no archive")

    assert archives.is_archive(tmp_path / "odd.bin")
    assert not archives.is_archive(tmp_path / "text.zip")
    assert not archives.is_archive(tmp_path)
