"""The files of a web job as a zip archive, made while it is sent: never whole in memory."""

import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

from jobsched.client.failures import Misused

_BLOCK = 65536


class _Sink:
    """A file that cannot seek: what is written to it waits to be taken."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes, /) -> int:
        self._written += data
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def take(self) -> bytes:
        """Return what has been written since the last time."""
        taken = bytes(self._written)
        self._written.clear()
        return taken


def is_archive(path: Path) -> bool:
    """Return whether *path* is a zip file."""
    return path.is_file() and zipfile.is_zipfile(path)


def of_folder(folder: Path) -> Iterator[bytes]:
    """Yield a zip archive of all files below *folder*, block by block.

    A link to a file counts as that file. Raises: Misused for links to folders, for devices, pipes
    and sockets, for what cannot be read, and when there is no file.
    """
    files = _files(folder)
    if not files:
        raise Misused(f"There is no file in {folder}.")
    return _zipped(folder, files)


def of_file(path: Path) -> Iterator[bytes]:
    """Yield a file as it is, block by block. Raises: Misused when it cannot be read."""
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block
    except OSError as error:
        raise Misused(f"{path} cannot be read: {error.strerror}.") from None


def _files(folder: Path) -> list[Path]:
    """Return all files below *folder*, in order of their names."""
    found: list[Path] = []
    try:
        for path in sorted(folder.iterdir()):
            kind = path.stat().st_mode
            if stat.S_ISREG(kind):
                found.append(path)
            elif stat.S_ISDIR(kind) and not path.is_symlink():
                found += _files(path)
            else:
                raise Misused(f"{path} is neither a file nor a folder; it cannot be uploaded.")
    except OSError as error:
        raise Misused(f"{error.filename} cannot be read: {error.strerror}.") from None
    return found


def _zipped(folder: Path, files: list[Path]) -> Iterator[bytes]:
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            with archive.open(_entry(folder, path), "w") as target:
                for block in of_file(path):
                    target.write(block)
                    yield from _taken(sink)
    yield from _taken(sink)


def _entry(folder: Path, path: Path) -> zipfile.ZipInfo:
    """Return the head of a file in an archive. Raises: Misused when it is gone."""
    name = str(path.relative_to(folder))
    try:
        entry = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
    except OSError as error:
        raise Misused(f"{path} cannot be read: {error.strerror}.") from None
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _taken(sink: _Sink) -> Iterator[bytes]:
    # An empty block would end a chunked body.
    if data := sink.take():
        yield data
