"""Zip files as tests need them: good ones, and every kind of bad one."""

import io
import stat
import struct
import zipfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

SCRIPT = b"echo hello\n"


def zipped(
    files: Mapping[str, bytes | str] | None = None, method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """Return a zip file of *files* by name; names that end in a slash are folders."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in (files if files is not None else {"run.sh": SCRIPT}).items():
            mode = 0o755 if name.endswith(("/", ".sh")) else 0o644
            archive.writestr(_info(name, mode), data, method)
    return buffer.getvalue()


def with_member(info: zipfile.ZipInfo, data: bytes = b"") -> bytes:
    """Return a zip file of run.sh and one member as *info* says."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(_info("run.sh", 0o755), SCRIPT)
        archive.writestr(info, data)
    return buffer.getvalue()


def special(name: str, kind: int) -> zipfile.ZipInfo:
    """Return a member of another kind than a file, such as ``stat.S_IFLNK``."""
    info = _info(name, 0o777)
    info.external_attr = (kind | 0o777) << 16
    return info


def dated(name: str, moment: datetime, mode: int = 0o644) -> zipfile.ZipInfo:
    """Return a member with a time and a mode."""
    info = zipfile.ZipInfo(name, moment.timetuple()[:6])
    info.external_attr = (stat.S_IFREG | mode) << 16
    return info


def encrypted() -> bytes:
    """Return a zip file that says of its member that it is encrypted."""
    data = bytearray(zipped())
    for place in (data.index(b"PK\x03\x04") + 6, data.index(b"PK\x01\x02") + 8):
        data[place] |= 1
    return bytes(data)


def overlapping() -> bytes:
    """Return a zip file in whose table two names share the bytes of one member."""
    data, place, size, end = _parts(zipped({"run.sh": SCRIPT}, zipfile.ZIP_STORED))
    entry = bytearray(data[place : place + size])
    other = bytes(entry).replace(b"run.sh", b"two.sh")
    return data[:place] + bytes(entry) + other + _end(2, 2 * size, place, end)


def many(count: int) -> bytes:
    """Return a zip file with *count* empty members, made without zipfile for speed."""
    local, table, offset = [], [], 0
    for number in range(count):
        name = b"%07d" % number
        head = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 33, 0, 0, 0, 7, 0)
        local.append(head + name)
        numbers = (20, 20, 0, 0, 0, 33, 0, 0, 0, 7, 0, 0, 0, 0, 0, offset)
        table.append(struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *numbers) + name)
        offset += 37
    records = b"".join(table)
    tail = _big_end(count, len(records), offset) if count > 0xFFFE else b""
    return b"".join(local) + records + tail + _end(min(count, 0xFFFF), len(records), offset, b"")


def with_big_end(data: bytes, *, entries: int | None = None, size: int | None = None) -> bytes:
    """Return *data* with an end record of zip64, which may tell other numbers than the truth."""
    data, place, length, _ = _parts(data)
    count = _count(data[place : place + length])
    big = _big_end(count if entries is None else entries, length if size is None else size, place)
    return data[: place + length] + big + _end(count, length, place, b"")


def claiming(data: bytes, entries: int) -> bytes:
    """Return *data* whose end record tells of another number of members."""
    data, place, size, _ = _parts(data)
    return data[: place + size] + _end(entries, size, place, b"")


def bomb(size: int) -> bytes:
    """Return a zip file of a script and *size* zeros, which pack to a thousandth."""
    return zipped({"run.sh": SCRIPT, "zeros": bytes(size)})


def understated(size: int, said: int) -> bytes:
    """Return a zip file of *size* zeros that tells of *said* bytes everywhere."""
    data = zipped({"run.sh": bytes(size)})
    return data.replace(struct.pack("<L", size), struct.pack("<L", said))


def unzipped(data: bytes) -> dict[str, bytes]:
    """Return what a zip file holds, by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def written(folder: Path, data: bytes) -> Path:
    """Write *data* into *folder* and return the file."""
    path = folder / "archive.zip"
    path.write_bytes(data)
    return path


def _info(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (2020, 1, 2, 3, 4, 6))
    kind = stat.S_IFDIR if name.endswith("/") else stat.S_IFREG
    info.external_attr = (kind | mode) << 16
    return info


def _parts(data: bytes) -> tuple[bytes, int, int, bytes]:
    end = data.rindex(b"PK\x05\x06")
    size, place = struct.unpack("<2L", data[end + 12 : end + 20])
    return data, place, size, data[end + 22 :]


def _count(table: bytes) -> int:
    return table.count(b"PK\x01\x02")


def _end(entries: int, size: int, offset: int, comment: bytes) -> bytes:
    numbers = (0, 0, entries, entries, size, offset, len(comment))
    return struct.pack("<4s4H2LH", b"PK\x05\x06", *numbers) + comment


def _big_end(entries: int, size: int, offset: int) -> bytes:
    record = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, entries, entries, size, offset
    )
    return record + struct.pack("<4sLQL", b"PK\x06\x07", 0, offset + size, 1)
