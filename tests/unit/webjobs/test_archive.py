"""Archives are unpacked as they are meant, and refused with a reason when anything is wrong."""

import io
import os
import stat
import zipfile
from datetime import datetime
from pathlib import Path

import pytest

from jobsched.errors import InvalidInput
from jobsched.webjobs import archive
from jobsched.webjobs.archive import Limits
from tests.support import zips

MIB = 2**20
SMALL = Limits(files=100, unpacked=2 * MIB, ratio=10, ratio_from=MIB, name=20, path=60, depth=4)


def unpacked(folder: Path, data: bytes, limits: Limits = archive.LIMITS) -> Path:
    target = folder / "target"
    target.mkdir()
    archive.unpack(io.BytesIO(data), target, limits)
    return target


def files_of(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def rule_of(folder: Path, data: bytes, limits: Limits = SMALL) -> str:
    """Return the rule for which *data* is refused; nothing outside the target may be touched."""
    with pytest.raises(InvalidInput) as refusal:
        unpacked(folder, data, limits)
    assert [path.name for path in folder.iterdir()] == ["target"]
    assert refusal.value.detail.startswith("The archive is refused. ")
    assert refusal.value.errors[0].field == "zip"
    return refusal.value.errors[0].rule


def test_files_and_folders_are_unpacked_with_empty_ones(tmp_path: Path) -> None:
    files = {
        "run.sh": b"echo 1",
        "inner/a.txt": b"a",
        "inner/deep/b.bin": bytes(200_000),
        "void/": b"",
    }

    folder = unpacked(tmp_path, zips.zipped(files))

    assert files_of(folder) == {name: data for name, data in files.items() if data}
    assert (folder / "void").is_dir()


def test_a_stored_archive_with_a_comment_is_unpacked(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("run.sh", "echo")
        file.comment = b"made by PK\x05 somebody"

    assert files_of(unpacked(tmp_path, buffer.getvalue())) == {"run.sh": b"echo"}


def test_an_archive_that_was_streamed_is_unpacked(tmp_path: Path) -> None:
    class Sink(io.RawIOBase):
        data = b""

        def writable(self) -> bool:
            return True

        def write(self, more: bytes) -> int:  # type: ignore[override]
            self.data += bytes(more)
            return len(more)

    sink = Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("run.sh", "echo")
        file.writestr("b/c.txt", "c" * 1000)

    assert files_of(unpacked(tmp_path, sink.data)) == {"run.sh": b"echo", "b/c.txt": b"c" * 1000}


def test_names_of_other_scripts_and_of_dos_are_unpacked(tmp_path: Path) -> None:
    old = bytearray(zips.zipped({"aaaa.sh": b"x"}))
    for _ in range(2):
        place = old.index(b"aaaa.sh")
        old[place : place + 4] = b"\x81\x82\x83\x84"
    both = {"größe/日本.sh": b"echo", "run.sh": b""}

    assert set(files_of(unpacked(tmp_path, zips.zipped(both)))) == set(both)
    (tmp_path / "target").rename(tmp_path / "first")
    assert set(files_of(unpacked(tmp_path, bytes(old)))) == {"üéâä.sh"}


def test_modes_and_times_are_restored_but_nothing_dangerous(tmp_path: Path) -> None:
    moment = datetime(2021, 3, 4, 5, 6, 8)  # noqa: DTZ001 - zips name local times
    data = zips.with_member(zips.dated("odd", moment, 0o4777), b"x")

    folder = unpacked(tmp_path, data)

    assert stat.S_IMODE((folder / "odd").stat().st_mode) == 0o755
    assert (folder / "odd").stat().st_mtime == moment.timestamp()
    assert os.access(folder / "run.sh", os.X_OK)


def test_a_file_without_a_mode_can_be_run(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("tool.exe")
    info.create_system = 0
    data = bytearray(zips.with_member(info, b"x"))
    place = data.rindex(b"PK\x01\x02")
    data[place + 38 : place + 42] = bytes(4)  # zipfile itself would give it one

    folder = unpacked(tmp_path, bytes(data))

    assert stat.S_IMODE((folder / "tool.exe").stat().st_mode) == 0o755


def test_a_date_that_does_not_exist_is_passed_over(tmp_path: Path) -> None:
    data = bytearray(zips.zipped())
    for mark, offset in ((b"PK\x03\x04", 10), (b"PK\x01\x02", 12)):
        place = data.index(mark) + offset
        data[place : place + 4] = bytes(4)

    assert files_of(unpacked(tmp_path, bytes(data))) == {"run.sh": zips.SCRIPT}


@pytest.mark.parametrize(
    "name",
    [
        "../evil.sh", "a/../../evil.sh", "/etc/evil.sh", "//evil.sh", "a//b.sh", ".//run.sh", "..",
        "././run.sh", "./../evil.sh", "\\\\evil\\share",
        "a\\..\\evil.sh", "C:evil.sh", "a\nb.sh", 'a"b.sh', "a*b", "/", ".", "a\x7fb",
    ],
)  # fmt: skip
def test_names_that_leave_the_folder_or_are_no_names_are_refused(tmp_path: Path, name: str) -> None:
    assert rule_of(tmp_path, zips.zipped({name: b"x"})) == "name"


def test_names_may_be_as_common_packers_write_them(tmp_path: Path) -> None:
    data = zips.zipped({"./": b"", "./run.sh": zips.SCRIPT, "lib\\deep\\a.txt": b"a"})

    assert files_of(unpacked(tmp_path, data)) == {"run.sh": zips.SCRIPT, "lib/deep/a.txt": b"a"}


def test_a_folder_may_end_in_a_backslash(tmp_path: Path) -> None:
    folder = unpacked(tmp_path, zips.with_member(zipfile.ZipInfo("void\\")))

    assert (folder / "void").is_dir()


def test_a_name_with_nul_is_refused(tmp_path: Path) -> None:
    data = zips.zipped({"run.shXevil": b"x"}).replace(b"run.shX", b"run.sh\0")

    assert rule_of(tmp_path, data) == "name"


@pytest.mark.parametrize("name", ["n" * 21, "a/b/c/d/e", "/".join(["n" * 19] * 4)])
def test_names_that_are_too_long_or_too_deep_are_refused(tmp_path: Path, name: str) -> None:
    assert rule_of(tmp_path, zips.zipped({name: b"x"})) == "name"


@pytest.mark.parametrize(
    "kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFDIR]
)
def test_links_and_devices_are_refused(tmp_path: Path, kind: int) -> None:
    assert rule_of(tmp_path, zips.with_member(zips.special("x", kind), b"/etc/passwd")) == "kind"


def test_encrypted_members_are_refused(tmp_path: Path) -> None:
    assert rule_of(tmp_path, zips.encrypted()) == "encrypted"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_packing_are_refused(tmp_path: Path, method: int) -> None:
    data = zips.with_member(zipfile.ZipInfo("x"), b"x")
    place = data.rindex(b"PK\x01\x02") + 10

    assert rule_of(tmp_path, data[:place] + bytes([method, 0]) + data[place + 2 :]) == "method"


def test_members_that_share_bytes_are_refused(tmp_path: Path) -> None:
    data = zips.overlapping()

    assert rule_of(tmp_path, data) in {"overlap", "zip"}


def test_members_inside_of_others_are_refused(tmp_path: Path) -> None:
    inner = zips.zipped({"b.sh": b"inner"}, zipfile.ZIP_STORED)
    data = bytearray(zips.zipped({"a.sh": inner, "b.sh": b"x"}, zipfile.ZIP_STORED))
    last = data.rindex(b"PK\x01\x02")
    data[last + 42 : last + 46] = data.index(b"PK\x03\x04", 4).to_bytes(4, "little")

    assert rule_of(tmp_path, bytes(data)) == "overlap"


def test_the_same_name_twice_is_refused_also_by_another_case(tmp_path: Path) -> None:
    for number, names in enumerate((("Run.sh", "run.SH"), ("straße", "STRASSE"), ("a", "a/b"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert rule_of(folder, zips.zipped(dict.fromkeys(names, b"x"))) == "duplicate"


def test_more_files_than_the_limit_are_refused(tmp_path: Path) -> None:
    assert rule_of(tmp_path, zips.many(101)) == "files"


def test_a_million_files_are_refused_at_once(tmp_path: Path) -> None:
    assert rule_of(tmp_path, zips.many(1_000_000), archive.LIMITS) == "files"


def test_what_the_end_says_is_not_believed(tmp_path: Path) -> None:
    data = zips.many(50)
    for number, said in enumerate((1, 49, 51)):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert rule_of(folder, zips.claiming(data, said)) == "zip"


def test_an_end_of_zip64_is_read_and_must_be_true(tmp_path: Path) -> None:
    data = zips.zipped()

    assert files_of(unpacked(tmp_path, zips.with_big_end(data))) == {"run.sh": zips.SCRIPT}
    for number, lie in enumerate(({"entries": 2**40}, {"entries": 2}, {"size": 2**33})):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert rule_of(folder, zips.with_big_end(data, **lie)) in {"zip", "files"}


def test_a_bomb_is_refused_by_what_really_comes_out(tmp_path: Path) -> None:
    assert rule_of(tmp_path, zips.bomb(3 * MIB)) == "size"
    tmp_path.joinpath("target").rmdir()
    assert rule_of(tmp_path, zips.bomb(MIB + 2**17)) == "ratio"


def test_a_size_that_is_understated_is_refused(tmp_path: Path) -> None:
    assert rule_of(tmp_path, zips.understated(500_000, 100)) == "zip"


def test_a_high_ratio_of_little_is_fine(tmp_path: Path) -> None:
    folder = unpacked(tmp_path, zips.bomb(MIB - 100), SMALL)

    assert (folder / "zeros").stat().st_size == MIB - 100


@pytest.mark.parametrize("cut", [1, 10, 21, 22, 60, 100, 150])
def test_a_truncated_archive_is_refused(tmp_path: Path, cut: int) -> None:
    assert rule_of(tmp_path, zips.zipped()[:-cut]) == "zip"


@pytest.mark.parametrize("data", [b"", b"PK", b"x" * 1000, b"PK\x05\x06", b"echo hello\n"])
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    assert rule_of(tmp_path, data) == "zip"


def test_bytes_before_or_behind_the_archive_are_refused(tmp_path: Path) -> None:
    assert rule_of(tmp_path, zips.zipped() + b"\n") == "zip"
    tmp_path.joinpath("target").rmdir()
    assert rule_of(tmp_path, b"#!/bin/sh\n" + zips.zipped()) == "zip"


def test_damaged_data_is_refused(tmp_path: Path) -> None:
    data = bytearray(zips.zipped({"run.sh": os.urandom(1000)}, zipfile.ZIP_STORED))
    data[200] ^= 1

    with pytest.raises(InvalidInput, match="damaged"):
        unpacked(tmp_path, bytes(data))


def test_no_byte_that_is_changed_makes_anything_but_a_refusal(tmp_path: Path) -> None:
    data = zips.zipped({"run.sh": b"echo", "a/b": b"x" * 50, "c/": b""})
    outside = tmp_path / "outside"
    outside.touch()
    for place in range(len(data)):
        for value in {0, 0xFF, data[place] ^ 1}:
            target = tmp_path / f"{place}-{value}"
            target.mkdir()
            try:
                archive.unpack(
                    io.BytesIO(data[:place] + bytes([value]) + data[place + 1 :]), target
                )
            except InvalidInput:
                continue

    assert outside.read_bytes() == b""


def test_an_empty_archive_is_unpacked_to_nothing(tmp_path: Path) -> None:
    assert files_of(unpacked(tmp_path, zips.zipped({}))) == {}
