"""The flood: a run that writes far more than anybody wants to keep, as fast as it can.

The bytes are a block of random ones, NUL and invalid UTF-8 included, over and over; its length
has no common factor with any cap, so that each kept byte says where it came from.
"""

import hashlib
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import runs
from tests.support.server import Server

MARK = 64
LONGEST_TAIL = 4 * 2**20
BLOCK = random.Random(58631).randbytes(1_000_003)
TIMES = 300  # blocks
CATALOG = """\
[flood]
file=runscript.py
class=RunScript
script=flood.py
jobsched.params=times, both
"""
FLOOD = """\
import os, random
block = random.Random(58631).randbytes(1_000_003)
both = os.environ.get("JOBSCHED_PARAM_BOTH") == "true"
for number in range(int(os.environ["JOBSCHED_PARAM_TIMES"])):
    left = memoryview(block)
    while left:
        left = left[os.write(1, left):]
    if both:
        os.write(2, b"err %d\\\\n" % number)
"""


@contextmanager
def server_with(folder: Path, cap: int) -> Iterator[Server]:
    with Server(
        folder,
        catalog=CATALOG,
        cfg=f"OUTPUT_CAP = {cap}\nJOB_LIVETIME = 0\n",
        files={"flood.py": FLOOD.replace("\\\\n", "\\n")},
    ) as server:
        yield server


def flood(server: Server, times: int, *, both: bool = False) -> int:
    return runs.start(server, "flood", params={"times": times, "both": both})


def written(start: int, stop: int) -> bytes:
    """Return the bytes number *start* to *stop* of what the flood writes."""
    first = start // len(BLOCK)
    repeated = BLOCK * (stop // len(BLOCK) - first + 1)
    return repeated[start - first * len(BLOCK) : stop - first * len(BLOCK)]


def expected(total: int, cap: int) -> bytes:
    """Return what is kept of a stream of *total* bytes: all of it, or head, mark and tail."""
    if total <= cap:
        return written(0, total)
    ring = min(max(cap // 4, 2 * MARK), LONGEST_TAIL)
    tail = ring - MARK
    missing = total - (cap - ring) - tail
    mark = f"\n[jobsched: {missing} bytes were cut here]".encode().ljust(MARK - 1) + b"\n"
    return written(0, cap - ring) + mark + written(total - tail, total)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("cap", [4096, 999_999, 40_000_000])
def test_a_flood_is_cut_to_exactly_the_cap(tmp_path: Path, cap: int) -> None:
    with server_with(tmp_path, cap) as server:
        run = flood(server, TIMES)
        row = runs.done(server, run, 60)
        kept = runs.output(server, run)

        files = [path.stat().st_size for path in (server.data / "runs").rglob("*.out")]

    assert (row["outcome"], row["reason"]) == ("succeeded", None)
    assert row["output"]["out"]["bytes"] == TIMES * len(BLOCK)
    assert row["output"]["out"]["kept"] == len(kept) == cap
    assert files == [cap]
    assert digest(kept) == digest(expected(TIMES * len(BLOCK), cap))


def test_every_byte_below_the_cap_is_kept(tmp_path: Path) -> None:
    total = 40 * len(BLOCK)
    with server_with(tmp_path, total) as server:
        run = flood(server, 40)
        row = runs.done(server, run, 60)
        kept = runs.output(server, run)
        middle = runs.output(server, run, offset=17_000_000, limit=1000)

    assert (row["output"]["out"]["bytes"], row["output"]["out"]["kept"]) == (total, total)
    assert digest(kept) == digest(written(0, total))
    assert middle == written(17_000_000, 17_001_000)


def test_both_streams_keep_their_bytes_and_their_order(tmp_path: Path) -> None:
    with server_with(tmp_path, 64 * 2**20) as server:
        run = flood(server, 40, both=True)
        runs.done(server, run, 60)
        out, err = runs.output(server, run, "out"), runs.output(server, run, "err")
        both = runs.output(server, run, "both")
        last = runs.output(server, run, "err", tail=1)

    assert digest(out) == digest(written(0, 40 * len(BLOCK)))
    assert err == b"".join(b"err %d\n" % number for number in range(40))
    assert last == b"err 39\n"
    assert len(both) == len(out) + len(err)


def test_the_api_answers_while_the_flood_goes_on(tmp_path: Path) -> None:
    codes: set[int] = set()
    asked = 0
    with server_with(tmp_path, 2**20) as server:
        job = server.schedule("flood", seconds=3600, params={"times": 1})
        floods = [flood(server, TIMES) for _ in range(2)]
        while any(runs.row(server, run)["state"] != "done" for run in floods):
            answers = (server.get(path, timeout=5) for path in ("/healthz", "/status", job))
            codes |= {answer.status_code for answer in answers}
            asked += 1
        rows = [runs.row(server, run) for run in floods]

    assert codes == {200}
    assert asked
    assert {row["output"]["out"]["bytes"] for row in rows} == {TIMES * len(BLOCK)}


def test_a_flood_can_be_stopped(tmp_path: Path) -> None:
    with server_with(tmp_path, 2**20) as server:
        run = flood(server, 1_000_000)
        runs.reaches(server, run, "running")
        server.post(f"/runs/{run}/stop")
        row = runs.done(server, run)
        kept = runs.output(server, run)

    total = row["output"]["out"]["bytes"]
    assert (row["outcome"], row["signal"]) == ("stopped", 15)
    assert digest(kept) == digest(expected(total, 2**20))


def test_twenty_followers_of_one_flood_see_the_same(tmp_path: Path) -> None:
    cap, seen = 5_000_000, []
    with server_with(tmp_path, cap) as server:
        run = flood(server, 50)

        def follow() -> None:
            seen.append(digest(runs.output(server, run, follow="true")))

        threads = [threading.Thread(target=follow) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    assert seen == [digest(expected(50 * len(BLOCK), cap))] * 20
