"""What is told about runs once the database knows it: started, finished, each line of output.

Told through ``events``; logs, metrics and others listen. A run's output is told line by line,
64 KB of it at the most: the whole is kept with the run.
"""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from jobsched.events import Event, publish
from jobsched.execution.places import output_path
from jobsched.model import EndedBy, Outcome, Run
from jobsched.storage.claims import Settled, Settlement

MOST_BYTES = 1 << 16
_CHUNK = re.compile(r"([oe])(\d+)")
Line = tuple[str, bytes]  # stream ("out", "err"), bytes without their line feed


def tell_started(run: Run, runner: str) -> None:
    """Tell that a run is running."""
    publish(Event(name="run started", level=logging.INFO, fields={**_who(run), "runner": runner}))


def tell_finished(settled: Settled, settlement: Settlement, runs_dir: Path) -> None:
    """Tell a run's output and then its end; killed or not zero is a warning."""
    run = settled.run
    for stream, line in _lines(settlement, run, runs_dir):
        fields = {**_who(run), "stream": stream, "line": line.decode("utf-8", "replace")}
        publish(Event(name="run output", level=logging.INFO, fields=fields))
    well = run.outcome is Outcome.SUCCEEDED
    level = logging.INFO if well else logging.WARNING
    fields = _end_of(run)
    if settled.retry_run_id is not None:
        fields["retry"] = settled.retry_run_id
    publish(Event(name="run finished", level=level, fields=fields))


def _who(run: Run) -> dict[str, object]:
    job: dict[str, object] = {} if run.job_id is None else {"job": run.job_id}
    return {**job, "run": run.id, "task": run.task}


def _end_of(run: Run) -> dict[str, object]:
    fields = _who(run)
    fields["outcome"] = str(run.outcome)
    if run.ended_by is EndedBy.EXIT and run.exit_code is not None:
        fields["exit_code"] = run.exit_code
    if run.signal is not None:
        fields["signal"] = run.signal
    if run.started_at is not None and run.ended_at is not None:
        fields["seconds"] = f"{(run.ended_at - run.started_at).total_seconds():.3f}"
    if run.reason:
        fields["reason"] = run.reason
    return fields


def _lines(settlement: Settlement, run: Run, runs_dir: Path) -> Iterator[Line]:
    """Yield the lines of both streams, in the order in which they were written if known."""
    end = settlement.end
    if not end.out_bytes and not end.err_bytes:
        return
    if settlement.out is not None or settlement.err is not None:
        out, err = settlement.out or b"", settlement.err or b""
        yield from in_order(out, err, settlement.chunks)
        return
    stem = output_path(runs_dir, run.id, run.claim)
    for stream in ("out", "err"):
        yield from ((stream, line) for line in _tail(Path(f"{stem}.{stream}")).splitlines())


def in_order(out: bytes, err: bytes, chunks: str | None) -> Iterator[Line]:
    """Yield the lines of two streams as *chunks* (``o12e5o3``) says that they were written.

    A line belongs where its last byte was written. Without *chunks*, ``out`` comes first.
    """
    order = chunks or f"o{len(out)}e{len(err)}"
    data = {"o": out, "e": err}
    rest = {"o": b"", "e": b""}
    names = {"o": "out", "e": "err"}
    for kind, size in _CHUNK.findall(order):
        taken, data[kind] = data[kind][: int(size)], data[kind][int(size) :]
        *whole, rest[kind] = (rest[kind] + taken).split(b"\n")
        yield from ((names[kind], line) for line in whole)
    yield from ((names[kind], line) for kind, line in rest.items() if line)


def _tail(path: Path) -> bytes:
    """Return the end of a file, half of MOST_BYTES at most, from the start of a line."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            start = max(0, size - MOST_BYTES // 2)
            file.seek(start)
            data = file.read(MOST_BYTES // 2)
    except OSError:
        return b""  # its files may have been removed meanwhile; the run's end is told all the same
    return data.partition(b"\n")[2] if start else data
