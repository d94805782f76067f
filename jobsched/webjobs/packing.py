"""Zip files of folders, made while they are sent: never whole in memory or on disk."""

import io
import os
import stat
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from jobsched.webjobs.tree import shown

_BLOCK = 1 << 18
_LARGE = 1 << 30  # bytes from which on a file needs the records of zip64
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def stream(
    folders: Iterable[tuple[str, int]], wanted: Callable[[str], bool] = lambda _: True
) -> Iterator[bytes]:
    """Yield a zip file of *folders*: what each name shall begin with, and its descriptor.

    Of the files those are taken that are *wanted* by their path in the archive.

    Empty folders are kept. Links, special files and what cannot be read are left out. The
    descriptors stay open.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for prefix, folder in folders:
            for _ in _pack(archive, prefix, folder, wanted):
                if data := sink.take():
                    yield data
    yield sink.take()


class _Sink(io.RawIOBase):
    """Holds what zipfile has written since it was looked at; it cannot go back."""

    def __init__(self) -> None:
        super().__init__()
        self._blocks: list[bytes] = []

    def writable(self) -> bool:
        """Say yes."""
        return True

    def write(self, data: object) -> int:
        """Keep a copy of *data*."""
        block = bytes(data)  # type: ignore[call-overload]
        self._blocks.append(block)
        return len(block)

    def take(self) -> bytes:
        """Return what has come, and forget it."""
        data = b"".join(self._blocks)
        self._blocks.clear()
        return data


def _pack(
    archive: zipfile.ZipFile, prefix: str, folder: int, wanted: Callable[[str], bool]
) -> Iterator[None]:
    """Write everything below *folder*; yields whenever something may have been written."""
    for place, folders, names, inside in os.fwalk(".", dir_fd=folder, follow_symlinks=False):
        start = os.path.normpath(os.path.join(prefix, place))  # noqa: PTH118 - names of an archive
        start = "" if start == "." else f"{start}/"
        folders.sort()
        if start and not folders and not names:
            archive.writestr(_info(start, os.fstat(inside)), b"")
        for name in sorted(names):
            if wanted(f"{start}{name}"):
                yield from _pack_file(archive, f"{start}{name}", name, inside)


def _pack_file(archive: zipfile.ZipFile, name: str, real: str, folder: int) -> Iterator[None]:
    with suppress(OSError):
        descriptor = os.open(real, _FILE, dir_fd=folder)
        with os.fdopen(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            if stat.S_ISREG(facts.st_mode):
                yield from _copy(archive, _info(name, facts), file, facts.st_size)


def _copy(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: io.BufferedIOBase, size: int
) -> Iterator[None]:
    """Write as much of *file* as it had when it was opened: a log may grow meanwhile."""
    with archive.open(info, "w", force_zip64=size >= _LARGE) as member:
        while size > 0 and (block := file.read(min(size, _BLOCK))):
            size -= len(block)
            member.write(block)
            yield
    yield


def _info(name: str, facts: os.stat_result) -> zipfile.ZipInfo:
    moment = time.localtime(max(facts.st_mtime, 0))[:6]
    earliest, latest = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)
    info = zipfile.ZipInfo(shown(name), min(max(moment, earliest), latest))
    info.external_attr = (facts.st_mode & 0xFFFF) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info
