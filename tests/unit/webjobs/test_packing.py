"""Zip files made while they are sent (Kudu.Services.Test, ZipArchiveExtensionFacts)."""

import io
import os
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobsched.webjobs import packing
from tests.support import zips

MIB = 2**20


@contextmanager
def opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def packed(folder: Path, prefix: str = "") -> bytes:
    with opened(folder) as descriptor:
        return b"".join(packing.stream([(prefix, descriptor)]))


@pytest.mark.parametrize("name", ["Foo.txt", "Bar/Qux/Foo.txt"])
def test_add_file_to_archive_creates_entry_under_directory(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("This was a triumph")

    assert zips.unzipped(packed(tmp_path)) == {name: b"This was a triumph"}


def test_add_directory_to_archive_includes_directory_tree_in_archive(tmp_path: Path) -> None:
    (tmp_path / "site" / "empty-dir").mkdir(parents=True)
    files = {
        "zero-length-file": b"",
        "log.txt": b"log",
        "site/home.aspx": b"home",
        "site/a.css": b"c",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)

    assert zips.unzipped(packed(tmp_path)) == {**files, "site/empty-dir/": b""}


def test_add_file_in_use_tests(tmp_path: Path) -> None:
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "secret").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "kept").write_bytes(b"1")

    assert zips.unzipped(packed(tmp_path)) == {"kept": b"1"}


def test_modes_and_times_are_kept_and_odd_ones_are_bent(tmp_path: Path) -> None:
    (tmp_path / "run.sh").touch(mode=0o750)
    os.utime(tmp_path / "run.sh", (0, 0))

    with zipfile.ZipFile(io.BytesIO(packed(tmp_path))) as archive:
        [info] = archive.infolist()

    assert info.external_attr >> 16 & 0o777 == 0o750
    assert info.date_time == (1980, 1, 1, 0, 0, 0)


def test_names_of_any_bytes_are_packed(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/odd\xff")).touch()
    (tmp_path / "größe").touch()

    assert set(zips.unzipped(packed(tmp_path))) == {"odd\ufffd", "größe"}


def test_several_folders_are_packed_below_their_names(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").touch()
    (tmp_path / "b").mkdir()
    with opened(tmp_path / "a") as one, opened(tmp_path / "b") as other:
        data = b"".join(packing.stream([("site", one), ("data", other), ("", one)]))

    assert set(zips.unzipped(data)) == {"site/x", "data/", "x"}


def test_nothing_is_held_in_memory(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(os.urandom(20 * MIB))
    tracemalloc.start()
    try:
        with opened(tmp_path) as descriptor:
            size = sum(len(block) for block in packing.stream([("", descriptor)]))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert size > 20 * MIB
    assert peak < 4 * MIB
