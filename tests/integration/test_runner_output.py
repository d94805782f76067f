"""What a run prints: kept in memory, moved to files, cut at the cap."""

import os
from pathlib import Path

from jobsched.execution.output import Output
from tests.support.runner import (
    RunnerClient,
)
from tests.support.waiting import until


def test_longer_output_goes_to_files_in_its_order(runner: RunnerClient) -> None:
    ended = runner.run(1, "for i in 1 2 3; do echo out$i; sleep .1; echo err$i >&2; sleep .1; done")

    output = Output.in_files(runner.folder / "runs" / "1.1")
    assert (ended["out"], ended["err"], ended["chunks"]) == (None, None, None)
    assert (ended["out_bytes"], ended["err_bytes"]) == (15, 15)
    assert output.read() == b"out1\nerr1\nout2\nerr2\nout3\nerr3\n"


def test_a_living_run_s_output_can_be_followed(runner: RunnerClient) -> None:
    runner.shell(1, "echo first; sleep 600")
    path = runner.folder / "runs" / "1.1"

    first = until(lambda: Output.in_files(path).read("out"))

    assert first == b"first\n"


def test_a_flood_is_cut_exactly_and_its_ends_are_identical(
    runner: RunnerClient, tmp_path: Path
) -> None:
    cap = 1_000_000
    source = tmp_path / "source"
    source.write_bytes(os.urandom(20_000_003))

    ended = runner.run(1, f"cat {source}; cat {source} >&2", cap=cap)

    original = source.read_bytes()
    kept = Output.in_files(runner.folder / "runs" / "1.1")
    assert (ended["out_bytes"], ended["err_bytes"]) == (20_000_003, 20_000_003)
    for stream in ("out", "err"):
        data = kept.read(stream)
        head, _, tail = data.partition(b"\n[jobsched: ")
        mark, _, tail = tail.partition(b"\n")
        assert len(data) == cap
        assert head == original[: len(head)]
        assert tail == original[-len(tail) :]
        missing = 20_000_003 - len(head) - len(tail)
        assert mark.strip() == b"%d bytes were cut here]" % missing


def test_a_stream_of_exactly_the_cap_is_whole(runner: RunnerClient, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(100_000))

    runner.run(1, f"cat {source}", cap=100_000)

    assert Output.in_files(runner.folder / "runs" / "1.1").read("out") == source.read_bytes()
