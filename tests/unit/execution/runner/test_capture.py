import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsched.execution.output import Output
from jobsched.execution.runner.capture import SMALL, Capture


class Pipe:
    """A pipe whose reading end does not block."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)

    def write(self, data: bytes) -> None:
        assert os.write(self.writer, data) == len(data)

    def close_writer(self) -> None:
        if self.writer >= 0:
            os.close(self.writer)
        self.writer = -1

    def close(self) -> None:
        self.close_writer()
        os.close(self.reader)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "000001" / "1.1"


def put(capture: Capture, pipe: Pipe, number: int, data: bytes) -> None:
    pipe.write(data)
    left = len(data)
    while left:
        left -= capture.take(number, pipe.reader)


def test_small_output_stays_in_memory(path: Path, pipe: Pipe) -> None:
    capture = Capture(str(path), 1 << 20)
    for number, data in [(0, b"one"), (1, b"two"), (0, b"three")]:
        put(capture, pipe, number, data)
    capture.finish()

    assert capture.small() == (b"onethree", b"two", "o3e3o5")
    assert capture.totals == [8, 3]
    assert not path.parent.exists()


def test_one_stream_needs_no_order(path: Path, pipe: Pipe) -> None:
    capture = Capture(str(path), 1 << 20)
    put(capture, pipe, 1, b"alone")

    assert capture.small() == (b"", b"alone", None)


def test_an_empty_pipe_blocks_and_a_closed_one_ends(path: Path, pipe: Pipe) -> None:
    capture = Capture(str(path), 1 << 20)
    with pytest.raises(BlockingIOError):
        capture.take(0, pipe.reader)

    pipe.close_writer()

    assert capture.take(0, pipe.reader) == 0


@pytest.mark.parametrize("size", [SMALL, SMALL + 1])
def test_larger_output_goes_to_files(path: Path, pipe: Pipe, size: int) -> None:
    capture = Capture(str(path), 1 << 20)
    put(capture, pipe, 0, b"x" * size)
    capture.finish()

    assert capture.in_memory == (size <= SMALL)
    assert Path(f"{path}.out").exists() == (size > SMALL)


def test_older_output_goes_to_files_in_its_order(path: Path, pipe: Pipe) -> None:
    capture = Capture(str(path), 1 << 20)
    put(capture, pipe, 0, b"a\n")
    put(capture, pipe, 1, b"B\n")
    capture.to_files()
    put(capture, pipe, 1, b"C\n")
    put(capture, pipe, 0, b"d\n")
    put(capture, pipe, 1, b"E\n")
    living = Output.in_files(path).read()
    capture.finish()

    assert living == b"a\nB\nC\nd\nE\n"
    assert Output.in_files(path).read() == living
    assert Path(f"{path}.order").read_text() == "o2e4o2e2"


def test_a_silent_run_makes_no_file(path: Path, pipe: Pipe) -> None:
    capture = Capture(str(path), 1 << 20)
    capture.to_files()
    pipe.close_writer()
    capture.take(0, pipe.reader)
    capture.finish()

    assert not path.parent.exists()


@pytest.mark.parametrize("cap", [1000, 4096, 100_000])
@pytest.mark.parametrize("extra", [-1, 0, 1, 63, 64, 65, 5000, 70_001])
def test_the_cap_is_exact(path: Path, pipe: Pipe, cap: int, extra: int) -> None:
    data = os.urandom(cap + extra)
    capture = Capture(str(path), cap)
    capture.to_files()
    for begin in range(0, len(data), 997):
        put(capture, pipe, 0, data[begin : begin + 997])
    capture.finish()

    kept = Output.in_files(path).read("out")
    assert capture.totals[0] == len(data)
    if extra <= 0:
        assert kept == data
        return
    assert len(kept) == cap
    head, tail = kept.split(b"\n[jobsched: ", 1)
    number, tail = tail.split(b" bytes were cut here]", 1)
    tail = tail.lstrip(b" ")[1:]
    assert data.startswith(head)
    assert data.endswith(tail)
    assert len(head) + len(tail) + int(number) == len(data)


def test_a_disk_without_room_loses_output_and_not_the_run(tmp_path: Path, pipe: Pipe) -> None:
    (tmp_path / "file").touch()
    capture = Capture(str(tmp_path / "file" / "1.1"), 1 << 20)
    capture.to_files()
    put(capture, pipe, 0, b"lost")
    put(capture, pipe, 0, b"too")
    capture.finish()

    assert capture.totals == [7, 0]
    assert capture.failure == "its output is incomplete: File exists"
