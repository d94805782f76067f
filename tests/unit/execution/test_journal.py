import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsched.execution import journal
from jobsched.execution.journal import Journal, Worker


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def writer(path: Path) -> Iterator[Journal]:
    journal = Journal(str(path))
    yield journal
    journal.close()


def inspected(path: Path, code: str) -> str:
    """Return what *code* prints about the journal *j* at *path*, in a process of its own."""
    script = f"from jobsched.execution import journal as j\npath = {str(path)!r}\nprint({code})"
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_a_run_is_read_as_it_was_written(path: Path) -> None:
    writer = Journal(str(path))
    writer.start((5, 2), "cookie", 1_000, detach=True)
    writer.pid((5, 2), 4711, 99)
    writer.end((5, 2), {"exit_code": 3})
    writer.forget([(5, 2)])
    writer.close()

    entry = journal.read(path)[5, 2]

    assert (entry.key, entry.cookie, entry.started_us, entry.detach) == (
        (5, 2),
        "cookie",
        1_000,
        True,
    )
    assert (entry.pid, entry.start_time) == (4711, 99)
    assert entry.end == {"exit_code": 3}
    assert not entry.open
    assert entry.forgotten


def test_a_run_without_an_end_is_open(path: Path, writer: Journal) -> None:
    writer.start((1, 1), "c", 0, detach=False)
    writer.start((2, 1), "c", 0, detach=False)
    writer.refused((2, 1), {"reason": "no"})

    opened = inspected(path, "[e.key for e in j.read(path).values() if e.open]")

    assert opened == "[(1, 1)]"


def test_workers_are_remembered(path: Path) -> None:
    writer = Journal(str(path))
    writer.worker(12, 34, "c")
    writer.close()

    _, contents = journal.inspect(path)

    assert contents.workers == [Worker(pid=12, start_time=34, cookie="c")]


def test_a_cut_last_line_counts_as_absent(path: Path) -> None:
    writer = Journal(str(path))
    writer.start((1, 1), "c", 0, detach=False)
    writer.end((1, 1), {"exit_code": 0})
    writer.close()
    whole = path.read_bytes()

    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        entries = journal.read(path)
        lines = whole[:length].count(b"\n")
        assert len(entries) == min(lines, 1)
        assert all(entry.open for entry in entries.values())


def test_the_lock_tells_whether_the_runner_lives(path: Path) -> None:
    writer = Journal(str(path))
    living = inspected(path, "j.is_held(path)")
    writer.close()
    dead = inspected(path, "j.is_held(path)")

    assert (living, dead) == ("True", "False")


def test_no_journal_is_not_held(path: Path) -> None:
    assert not journal.is_held(path)


def test_a_held_journal_cannot_be_taken(path: Path, writer: Journal) -> None:
    script = f"""
from jobsched.execution.journal import Journal
try:
    Journal({str(path)!r})
except BlockingIOError:
    print("held")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout == "held\n"


def test_rewriting_keeps_what_is_still_needed_and_the_lock(
    path: Path, writer: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Journal, "COMPACT_BYTES", 1000)
    for run in range(20):
        writer.start((run, 1), "c", 0, detach=False)
        writer.worker(run, 0, "w")
    writer.forget([(run, 1) for run in range(18)])
    assert writer.long

    writer.compact({(18, 1), (19, 1)}, {7})
    writer.end((18, 1), {"exit_code": 0})

    assert inspected(path, "j.is_held(path), sorted(j.read(path))") == "True [(18, 1), (19, 1)]"
    assert inspected(path, "[w.pid for w in j.inspect(path)[1].workers]") == "[7]"
    assert inspected(path, "j.read(path)[18, 1].end") == "{'exit_code': 0}"


def test_a_record_that_does_not_fit_on_the_disk_leaves_no_trace(path: Path) -> None:
    # RLIMIT_FSIZE ends the file in the middle of the second record.
    script = f"""
import resource, signal
from jobsched.execution.journal import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
writer = Journal({str(path)!r})
writer.start((1, 1), "c", 0, False)
size = __import__("os").stat({str(path)!r}).st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, resource.RLIM_INFINITY))
try:
    writer.end((1, 1), {{"exit_code": 0}})
except OSError as error:
    print(type(error).__name__)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
writer.end((1, 1), {{"exit_code": 4}})
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout == "OSError\n"
    assert path.read_bytes().count(b"\n") == 2
    assert journal.read(path)[1, 1].end == {"exit_code": 4}
