"""Runs found in the rows that this supervisor did not hand out itself: what became of each.

After a start, and after the death of a runner. The evidence is the runner's own word while it
lives, else its journal; the verdict is :mod:`jobsched.execution.supervisor.verdicts`'.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jobsched import clock
from jobsched.execution.journal import Entry
from jobsched.execution.places import output_files
from jobsched.execution.protocol import Key, Message
from jobsched.execution.supervisor import settling
from jobsched.execution.supervisor.books import Books
from jobsched.execution.supervisor.verdicts import Evidence, Trace, Verdict, lost_reason, verdict
from jobsched.execution.sweep import LAYERS
from jobsched.model import RunState
from jobsched.storage.claims import Held


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """What is known from one runner: of each claim its trace and the facts of its end."""

    held: bool
    boot_id: str
    traces: Mapping[Key, tuple[Trace, Message]] = field(default_factory=dict)
    layers: str = LAYERS

    def of(self, key: Key) -> tuple[Trace, Message]:
        """Return the trace of one claim and its facts."""
        return self.traces.get(key, (Trace.NOTHING, {}))


def from_journal(entries: Mapping[Key, Entry], boot_id: str) -> Witness:
    """Return what the journal of a dead runner says."""
    traces = {key: _trace(entry) for key, entry in entries.items()}
    return Witness(held=False, boot_id=boot_id, traces=traces)


def from_state(runs: Iterable[Message], boot_id: str) -> Witness:
    """Return what a living runner says in its ``state`` message."""
    traces: dict[Key, tuple[Trace, Message]] = {}
    for run in runs:
        trace = Trace.STARTED if run["state"] == "running" else Trace.ENDED
        traces[(run["run"], run["claim"])] = (trace, run)
    return Witness(held=True, boot_id=boot_id, traces=traces)


def judge(rows: Iterable[Held], witness: Witness, books: Books, runs: Path) -> list[Key]:
    """Enter in *books* what became of *rows*; return those that are to be told to their runner.

    *runs* is the folder of long outputs.
    """
    untold: list[Key] = []
    for row in rows:
        key = (row.run_id, row.claim)
        if key in books.ends or key in books.returned:
            continue
        if key not in books.hosted:
            books.host(key, row.runner)
        found = verdict(_evidence(row, witness))
        if found is Verdict.TELL:
            untold.append(key)
        elif found is Verdict.FINISHED:
            _finish(key, witness, books, runs)
        else:
            _enter(found, row, witness, books)
    return untold


def _evidence(row: Held, witness: Witness) -> Evidence:
    trace, _ = witness.of((row.run_id, row.claim))
    return Evidence(
        lock_held=witness.held,
        trace=trace,
        same_boot=row.boot_id == witness.boot_id,
        stop_asked=row.stop_by is not None,
    )


def _enter(found: Verdict, row: Held, witness: Witness, books: Books) -> None:
    key = (row.run_id, row.claim)
    now_us = clock.now_us()
    match found:
        case Verdict.ADOPT:
            _, facts = witness.of(key)
            books.hosted[key].running = row.state is not RunState.STARTING
            books.run_started(key, facts.get("started_us") or now_us)
        case Verdict.REQUEUE:
            books.returned[key] = "Its runner died before it started."
        case Verdict.STOPPED if row.stop_by is not None:
            end = settling.stopped_unstarted(key, row.stop_by, row.stop_reason, now_us)
            books.run_ended(end)
        case _:
            same_boot = row.boot_id == witness.boot_id
            reason = lost_reason(same_boot=same_boot, swept=witness.layers)
            books.run_ended(settling.lost(key, reason, now_us))


def _finish(key: Key, witness: Witness, books: Books, runs: Path) -> None:
    """Enter an end that stands in the journal, or that the living runner has told."""
    _, facts = witness.of(key)
    if "ended_by" not in facts:
        books.run_refused(key, facts, clock.now_us())
    elif witness.held:
        books.run_ended(settling.ended(key, facts))
    else:
        kept = bool(output_files(runs, key[0]))
        books.run_ended(settling.ended_before_death(key, facts, kept=kept))


def _trace(entry: Entry) -> tuple[Trace, Message]:
    if entry.end is not None:
        return (Trace.ENDED, entry.end)
    if entry.refused is not None:
        return (Trace.ENDED, entry.refused)
    return (Trace.STARTED, {"started_us": entry.started_us})
