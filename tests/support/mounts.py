"""File systems that fill up or can only be read, where the tests may make them."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[None]:
    """Have a disk of *size* (as ``mount`` takes it) at *path*; skips the test where forbidden."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(path))
    try:
        yield
    finally:
        _unmount(path)


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    """Let the file *path* be only read by those who open it; skips the test where forbidden."""
    _mount("--bind", str(path), str(path))
    try:
        _mount("-o", "remount,bind,ro", str(path))
        yield
    finally:
        _unmount(path)


def fill(folder: Path) -> Path:
    """Write until not a byte more goes onto the disk of *folder*; return the ballast."""
    ballast = folder / "ballast"
    for size in (1 << 16, 512, 1):
        with ballast.open("ab", buffering=0) as file:
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
    return ballast


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mount is not allowed here: {done.stderr.strip()}")


def _unmount(path: Path) -> None:
    subprocess.run(["umount", "--lazy", str(path)], check=True)
