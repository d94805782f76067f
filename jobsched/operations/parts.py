"""The parts of the program on this machine: each leaves a small file as a sign of life.

``DATA/parts/NAME.PID`` holds since when the part lives; its time stamp is the last heartbeat. A
file costs nothing on the disk where a row would be a transaction, and it tells of a part that the
database does not hear of any more.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jobsched import clock

BEAT_EVERY = 1.0
FRESH_US = 15 * clock.SECOND  # the parent kills a part that is silent for longer
_FOLDER = "parts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part: which process it is, since when, and when it was last seen alive."""

    name: str
    pid: int
    alive: bool
    started_at: datetime
    heartbeat_at: datetime


def signs(data_dir: Path, name: str, beat: Callable[[], None]) -> Callable[[], None]:
    """Begin the sign of the part *name* in this process; return *beat* with the sign in it."""
    path = data_dir / _FOLDER / f"{name}.{os.getpid()}"
    with suppress(OSError):  # without signs a part works as well
        path.parent.mkdir(mode=0o700, exist_ok=True)
        _remove_dead(path.parent, name)
        path.write_text(str(clock.now_us()), encoding="ascii")
    last = clock.monotonic()

    def beat_and_sign() -> None:
        nonlocal last
        beat()
        if clock.monotonic() - last >= BEAT_EVERY:
            last = clock.monotonic()
            with suppress(OSError):
                os.utime(path)

    return beat_and_sign


def end(data_dir: Path, name: str) -> None:
    """Remove the sign of the part *name* in this process."""
    with suppress(OSError):
        (data_dir / _FOLDER / f"{name}.{os.getpid()}").unlink()


def read(data_dir: Path) -> list[Part]:
    """Return the parts that have left a sign, by name and age."""
    found = [part for path in _paths(data_dir / _FOLDER) if (part := _part(path)) is not None]
    return sorted(found, key=lambda part: (part.name, part.started_at))


def _paths(folder: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from folder.iterdir()


def _part(path: Path) -> Part | None:
    name, _, pid = path.name.partition(".")
    try:
        started_us = int(path.read_text(encoding="ascii"))
        heartbeat_us = path.stat().st_mtime_ns // 1000
    except (OSError, ValueError):  # it has just ended, or just begins
        return None
    fresh = clock.now_us() - heartbeat_us < FRESH_US
    return Part(
        name=name,
        pid=int(pid),
        alive=fresh and _exists(int(pid)),
        started_at=clock.from_us(started_us),
        heartbeat_at=clock.from_us(heartbeat_us),
    )


def _remove_dead(folder: Path, name: str) -> None:
    for path in folder.glob(f"{name}.*"):
        if not _exists(int(path.suffix[1:])):
            path.unlink(missing_ok=True)


def _exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
