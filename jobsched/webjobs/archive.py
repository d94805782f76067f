"""Zip archives from strangers: judged whole before a byte is written, unpacked into a new folder.

What looks wrong is refused, never repaired: absolute names, ``..``, links, devices, encryption,
members that share bytes or differ only in case, and more of anything than a limit allows. Sizes
are counted while unpacking, whatever the archive says of itself.
"""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from jobsched.errors import InvalidInput

_END = b"PK\x05\x06"
_END_SIZE = 22
_LONGEST_COMMENT = 65_535
_BLOCK = 1 << 16
_HEADER = 30  # bytes of a member before its name and its data
_FORBIDDEN = frozenset('\0\\:"<>|*?') | {chr(number) for number in range(32)} | {"\x7f"}
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much an archive may hold; sizes in bytes.

    More than *ratio* times its packed size is refused from *ratio_from* unpacked bytes on.
    """

    files: int = 10_000
    unpacked: int = 2**30
    ratio: int = 100
    ratio_from: int = 10 * 2**20
    name: int = 255
    depth: int = 32


@dataclass(frozen=True, slots=True)
class _Member:
    """One file or folder of an archive: its checked path and what zipfile knows of it."""

    path: PurePosixPath
    info: zipfile.ZipInfo

    @property
    def mode(self) -> int:
        return (self.info.external_attr >> 16) & 0o777


def unpack(archive: BinaryIO, folder: Path, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
    """Unpack the zip file *archive* into *folder*, which exists and is empty.

    Modes and times of the members are restored (files at least readable and writable by their
    owner). Raises: InvalidInput for an archive that is refused; then the folder holds a part of
    it and is to be thrown away.
    """
    with _opened(archive, limits) as opened:
        members = _checked(opened, archive, limits)
        budget = _Budget(limits, _length(archive))
        folders = [member for member in members if member.info.is_dir()]
        for member in folders:
            folder.joinpath(member.path).mkdir(parents=True, exist_ok=True)
        for member in members:
            if not member.info.is_dir():
                _unpack_file(opened, member, folder / member.path, budget)
        for member in folders:
            _restore(member, folder / member.path, 0o700)


def _opened(archive: BinaryIO, limits: Limits) -> zipfile.ZipFile:
    _check_directory(archive, limits)
    try:
        return zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, OSError, ValueError) as error:
        raise _refusal("zip", f"It is not a zip file that can be read: {error}.") from None


def _check_directory(archive: BinaryIO, limits: Limits) -> None:
    """Look at the archive's own end before anything of it is read into memory."""
    length = _length(archive)
    archive.seek(max(0, length - _END_SIZE - _LONGEST_COMMENT))
    tail = archive.read()
    place = tail.rfind(_END)
    if place < 0 or len(tail) - place < _END_SIZE:
        raise _refusal("zip", "It is not a zip file, or it was cut off: its end is missing.")
    entries, size = struct.unpack("<HI", tail[place + 10 : place + 16])
    most = limits.files * (46 + 2 * limits.name)
    if entries > limits.files or size > most:
        raise _refusal("files", f"It holds more than {limits.files} files.")


def _checked(opened: zipfile.ZipFile, archive: BinaryIO, limits: Limits) -> Sequence[_Member]:
    """Return the members of an archive in which nothing is wrong."""
    infos = opened.infolist()
    if len(infos) > limits.files:
        raise _refusal("files", f"It holds more than {limits.files} files.")
    members = [_Member(_path(info, limits), info) for info in infos]
    for member in members:
        _check_kind(member)
    _check_names(members)
    _check_places(infos, archive)
    if sum(info.file_size for info in infos) > limits.unpacked:
        raise _refusal("size", f"Unpacked it is larger than {limits.unpacked} bytes.")
    return members


def _path(info: zipfile.ZipInfo, limits: Limits) -> PurePosixPath:
    name = info.orig_filename
    if not name or name.startswith("/") or _FORBIDDEN.intersection(name):
        raise _refusal("name", f"The name {name[:100]!r} is absolute or holds a forbidden character.")
    parts = name.removesuffix("/").split("/")
    if any(part in {"", ".", ".."} for part in parts):
        raise _refusal("name", f"The name {name[:100]!r} leaves its folder.")
    if len(parts) > limits.depth or any(len(part.encode()) > limits.name for part in parts):
        raise _refusal("name", f"The name {name[:100]!r} is too long or too deep.")
    return PurePosixPath(*parts)


def _check_kind(member: _Member) -> None:
    info, kind = member.info, stat.S_IFMT(member.info.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR} or (kind == stat.S_IFDIR) > info.is_dir():
        raise _refusal("kind", f"{member.path} is a link, a device or another special file.")
    if info.flag_bits & _ENCRYPTED:
        raise _refusal("encrypted", f"{member.path} is encrypted.")
    if info.compress_type not in _METHODS:
        raise _refusal("method", f"{member.path} is packed in a way that is not supported.")


def _check_names(members: Sequence[_Member]) -> None:
    """Refuse two members of one name, also by another case, and a file that is a folder, too."""
    seen: dict[str, bool] = {}
    for member in members:
        name = str(member.path).casefold()
        if name in seen:
            raise _refusal("duplicate", f"{member.path} is there twice.")
        seen[name] = member.info.is_dir()
    for member in members:
        for parent in member.path.parents:
            if seen.get(str(parent).casefold(), True) is False:
                raise _refusal("duplicate", f"{parent} is a file and a folder.")


def _check_places(infos: Sequence[zipfile.ZipInfo], archive: BinaryIO) -> None:
    """Refuse members whose bytes overlap: a small file that unpacks for ever."""
    end = 0
    for info in sorted(infos, key=lambda one: one.header_offset):
        if info.header_offset < end:
            raise _refusal("overlap", f"{info.filename[:100]} shares bytes with another member.")
        end = info.header_offset + _HEADER + len(info.orig_filename.encode()) + info.compress_size
    if end > _length(archive):
        raise _refusal("zip", "It was cut off: members reach beyond its end.")


class _Budget:
    """Counts unpacked bytes against the limits."""

    def __init__(self, limits: Limits, packed: int) -> None:
        self._limits, self._packed, self._total = limits, packed, 0

    def spend(self, count: int) -> None:
        """Count *count* more bytes. Raises: InvalidInput when they are too many."""
        self._total += count
        if self._total > self._limits.unpacked:
            raise _refusal("size", f"Unpacked it is larger than {self._limits.unpacked} bytes.")
        if self._total > max(self._limits.ratio_from, self._packed * self._limits.ratio):
            raise _refusal("ratio", f"It unpacks to more than {self._limits.ratio} times its size.")


def _unpack_file(
    opened: zipfile.ZipFile, member: _Member, path: Path, budget: _Budget
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        for block in _blocks(opened, member):
            budget.spend(len(block))
            file.write(block)
    _restore(member, path, 0o600)


def _blocks(opened: zipfile.ZipFile, member: _Member) -> Iterator[bytes]:
    try:
        with opened.open(member.info) as source:
            while block := source.read(_BLOCK):
                yield block
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise _refusal("zip", f"{member.path} is damaged: {error}.") from None


def _restore(member: _Member, path: Path, least: int) -> None:
    """Give what was unpacked the mode and the time that the archive names."""
    usual = 0o755 if member.info.is_dir() else 0o644
    path.chmod((member.mode or usual) & 0o755 | least)
    try:
        moment = datetime(*member.info.date_time).timestamp()  # noqa: DTZ001 - zips name local times
    except (ValueError, OverflowError):
        return
    os.utime(path, (moment, moment))


def _length(archive: BinaryIO) -> int:
    return archive.seek(0, os.SEEK_END)


def _refusal(rule: str, why: str) -> InvalidInput:
    return InvalidInput.field("zip", rule, f"The archive is refused. {why}")
