from pathlib import Path

import pytest

from jobsched.execution.output import Output


@pytest.fixture(params=["stored", "files"])
def output(request: pytest.FixtureRequest, tmp_path: Path) -> Output:
    """One output, read from the database's bytes or from files."""
    out, err, order = b"one\nthree\nfour", b"two\n", "o4e4o10"
    if request.param == "stored":
        return Output.stored(out, err, order)
    base = tmp_path / "7.1"
    for suffix, data in ((".out", out), (".err", err), (".order", order.encode())):
        Path(f"{base}{suffix}").write_bytes(data)
    return Output.in_files(base)


WHOLE = b"one\ntwo\nthree\nfour"


def test_streams_are_read_alone_or_together(output: Output) -> None:
    assert output.read("out") == b"one\nthree\nfour"
    assert output.read("err") == b"two\n"
    assert output.read() == WHOLE


def test_sizes_are_those_of_what_is_read(output: Output) -> None:
    assert [output.size(stream) for stream in ("out", "err", "both")] == [14, 4, 18]


@pytest.mark.parametrize("offset", range(20))
@pytest.mark.parametrize("limit", [0, 1, 5, 100, None])
def test_any_part_can_be_read(output: Output, offset: int, limit: int | None) -> None:
    end = None if limit is None else offset + limit

    assert output.read("both", offset, limit) == WHOLE[offset:end]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (0, b""),
        (1, b"four"),
        (2, b"three\nfour"),
        (3, b"two\nthree\nfour"),
        (4, WHOLE),
        (99, WHOLE),
    ],
)
def test_the_tail_counts_lines(output: Output, lines: int, expected: bytes) -> None:
    assert output.read("both", output.tail("both", lines)) == expected


def test_a_last_line_feed_ends_a_line_and_begins_none() -> None:
    output = Output.stored(b"a\nb\n", None, None)

    assert output.read("out", output.tail("out", 1)) == b"b\n"


def test_the_tail_of_a_long_output_is_found() -> None:
    data = b"".join(b"%d\n" % number for number in range(100_000))
    output = Output.stored(data, None, None)

    tail = output.read("out", output.tail("out", 20_000))

    assert tail == b"".join(b"%d\n" % number for number in range(80_000, 100_000))


def test_files_that_are_not_there_are_empty(tmp_path: Path) -> None:
    output = Output.in_files(tmp_path / "nothing")

    assert output.size() == 0
    assert output.read() == b""
    assert output.tail("both", 5) == 0


def test_offsets_stay_valid_while_a_run_goes_on(tmp_path: Path) -> None:
    base = tmp_path / "1.1"
    Path(f"{base}.out").write_bytes(b"first\n")
    begun = Output.in_files(base).read()

    Path(f"{base}.order").write_text("o6")
    Path(f"{base}.err").write_bytes(b"second\n")
    going_on = Output.in_files(base).read("both", len(begun))

    assert begun == b"first\n"
    assert going_on == b"second\n"
