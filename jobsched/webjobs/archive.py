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
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from jobsched.webjobs import zipends
from jobsched.webjobs.refusing import refusal

_BLOCK = 1 << 16
_LOCAL = struct.Struct("<4s22x2H")
_LOCAL_MARK = b"PK\x03\x04"
# In names of files and folders: control characters, and what means something to Windows.
FORBIDDEN = frozenset('\\:"<>|*?') | {chr(number) for number in (*range(32), 127)}
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_UTF8 = 0x800
# Also for files of archives that know no modes: where those are made, every file can be run.
_USUAL_MODE = 0o755


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much an archive may hold; sizes in bytes.

    More than *ratio* times its packed size is refused from *ratio_from* unpacked bytes on. *name*
    is for one part of a path, *path* for all of it, *depth* for the number of its parts.
    """

    files: int = 10_000
    unpacked: int = 2**30
    ratio: int = 100
    ratio_from: int = 10 * 2**20
    name: int = 255
    path: int = 2_000
    depth: int = 32


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class _Member:
    """One file or folder of an archive: its checked path and what zipfile knows of it."""

    path: PurePosixPath
    info: zipfile.ZipInfo

    @property
    def is_dir(self) -> bool:
        """Whether it is a folder: its name ends like one."""
        return _separated(self.info.orig_filename).endswith("/")

    @property
    def mode(self) -> int:
        """The permissions that it names: never set-uid, never writable by others."""
        return (self.info.external_attr >> 16 & 0o755) or _USUAL_MODE


def unpack(archive: BinaryIO, folder: Path, limits: Limits = LIMITS) -> None:
    """Unpack the zip file *archive* into *folder*, which exists and is empty.

    Modes and times of the members are restored (files at least readable and writable by their
    owner). Raises: InvalidInput for an archive that is refused; then *folder* holds a part of it
    and is to be thrown away.
    """
    length = archive.seek(0, os.SEEK_END)
    zipends.check(archive, length, limits.files)
    with _opened(archive) as opened:
        members = _checked(opened, archive, length, limits)
        _make_folders(members, folder)
        budget = _Budget(limits, length)
        for member in members:
            if not member.is_dir:
                _unpack_file(opened, member, folder / member.path, budget)
        _restore_folders(members, folder)


def _opened(archive: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, struct.error) as error:
        raise refusal("zip", f"It is not a zip file that can be read: {error}.") from None


def _checked(
    opened: zipfile.ZipFile, archive: BinaryIO, length: int, limits: Limits
) -> Sequence[_Member]:
    """Return the members of an archive in which nothing is wrong."""
    infos = [info for info in opened.infolist() if info.orig_filename != "./"]
    members = [_Member(_path(info, limits), info) for info in infos]
    for member in members:
        _check_kind(member)
    _check_names(members)
    _check_places(members, archive, length)
    if sum(info.file_size for info in infos) > limits.unpacked:
        raise refusal("size", f"Unpacked it is larger than {limits.unpacked} bytes.")
    return members


def _path(info: zipfile.ZipInfo, limits: Limits) -> PurePosixPath:
    name = _separated(info.orig_filename)
    if not name or name.startswith("/") or FORBIDDEN.intersection(name):
        raise refusal("name", f"The name {name[:100]!r} is absolute or has a forbidden character.")
    parts = name.removesuffix("/").split("/")
    if any(part in {"", ".", ".."} for part in parts):
        raise refusal("name", f"The name {name[:100]!r} has an empty part, '.' or '..'.")
    longest = max(len(part.encode()) for part in parts)
    if len(parts) > limits.depth or longest > limits.name or len(name.encode()) > limits.path:
        raise refusal("name", f"The name {name[:100]!r} is too long or too deep.")
    return PurePosixPath(*parts)


def _separated(name: str) -> str:
    """Return *name* as packers in common use mean it.

    That of Windows PowerShell 5 separates folders by backslashes, bsdtar begins with ``./``.
    """
    return name.replace("\\", "/").removeprefix("./")


def _check_kind(member: _Member) -> None:
    info, kind = member.info, stat.S_IFMT(member.info.external_attr >> 16)
    allowed = {0, stat.S_IFDIR} if member.is_dir else {0, stat.S_IFREG}
    if kind not in allowed:
        raise refusal("kind", f"{member.path} is a link, a device or another special file.")
    if info.flag_bits & _ENCRYPTED:
        raise refusal("encrypted", f"{member.path} is encrypted.")
    if info.compress_type not in _METHODS:
        raise refusal("method", f"{member.path} is packed in a way that is not supported.")


def _check_names(members: Sequence[_Member]) -> None:
    """Refuse two members of one name, also by another case, and a file that is a folder, too."""
    seen: dict[str, bool] = {}
    for member in members:
        name = str(member.path).casefold()
        if name in seen:
            raise refusal("duplicate", f"{member.path} is there twice.")
        seen[name] = member.is_dir
    for member in members:
        for parent in member.path.parents:
            if seen.get(str(parent).casefold()) is False:
                raise refusal("duplicate", f"{parent} is a file and a folder.")


def _check_places(members: Sequence[_Member], archive: BinaryIO, length: int) -> None:
    """Refuse members whose bytes overlap, such as many names for one bomb."""
    end = 0
    for member in sorted(members, key=lambda one: one.info.header_offset):
        if member.info.header_offset < end:
            raise refusal("overlap", f"{member.path} shares bytes with another member.")
        end = _data_of(member, archive, length) + member.info.compress_size
        if end > length:
            raise refusal("zip", "It was cut off: members reach beyond its end.")


def _data_of(member: _Member, archive: BinaryIO, length: int) -> int:
    """Return where the data of a member begins: behind a header that bears the same name."""
    offset = member.info.header_offset
    if offset + _LOCAL.size > length:
        raise refusal("zip", "It was cut off: members reach beyond its end.")
    archive.seek(offset)
    mark, name, extra = _LOCAL.unpack(archive.read(_LOCAL.size))
    charset = "utf-8" if member.info.flag_bits & _UTF8 else "cp437"
    if mark != _LOCAL_MARK or archive.read(name) != member.info.orig_filename.encode(charset):
        raise refusal("zip", f"{member.path} is not what the table of members says.")
    return int(offset + _LOCAL.size + name + extra)


class _Budget:
    """Counts unpacked bytes against the limits."""

    def __init__(self, limits: Limits, packed: int) -> None:
        self._limits, self._packed, self._total = limits, packed, 0

    def spend(self, count: int) -> None:
        """Count *count* more bytes. Raises: InvalidInput when they are too many."""
        self._total += count
        if self._total > self._limits.unpacked:
            raise refusal("size", f"Unpacked it is larger than {self._limits.unpacked} bytes.")
        if self._total > max(self._limits.ratio_from, self._packed * self._limits.ratio):
            raise refusal("ratio", f"It unpacks to more than {self._limits.ratio} times its size.")


def _make_folders(members: Sequence[_Member], folder: Path) -> None:
    """Make every folder that is named or needed, the outer ones first."""
    named = {member.path for member in members if member.is_dir}
    needed = {parent for member in members for parent in member.path.parents}
    for path in sorted((named | needed) - {PurePosixPath()}):
        folder.joinpath(path).mkdir(exist_ok=True)
        folder.joinpath(path).chmod(_USUAL_MODE)


def _unpack_file(opened: zipfile.ZipFile, member: _Member, path: Path, budget: _Budget) -> None:
    with path.open("xb") as file:
        for block in _blocks(opened, member):
            budget.spend(len(block))
            file.write(block)
    path.chmod(member.mode | 0o600)
    _restore_time(member, path)


def _blocks(opened: zipfile.ZipFile, member: _Member) -> Iterator[bytes]:
    source = None
    try:
        source = opened.open(member.info)
        while block := source.read(_BLOCK):
            yield block
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise refusal("zip", f"{member.path} is damaged: {error}.") from None
    finally:
        if source is not None:
            source.close()


def _restore_folders(members: Sequence[_Member], folder: Path) -> None:
    """Give the folders their own modes and times, which unpacking into them has changed."""
    for member in members:
        if member.is_dir:
            path = folder / member.path
            path.chmod(member.mode | 0o700)
            _restore_time(member, path)


def _restore_time(member: _Member, path: Path) -> None:
    with suppress(ValueError, OverflowError):  # no such date: the present time stays
        moment = datetime(*member.info.date_time).timestamp()  # noqa: DTZ001 - zips name local times
        os.utime(path, (moment, moment))
