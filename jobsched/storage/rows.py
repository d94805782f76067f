"""From rows to values of the model; the order of columns is settled here and nowhere else."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select

from jobsched.clock import from_us
from jobsched.model import (
    Counts,
    EndedBy,
    Job,
    JobState,
    Mode,
    Occurrence,
    OccurrenceOutcome,
    Run,
    RunState,
)
from jobsched.storage.tables import jobs, occurrences, runs
from jobsched.storage.texts import mapping_from, policy_from_text, tags_from

_J, _R, _O = jobs.c, runs.c, occurrences.c
JOB_COLUMNS = (
    _J.key, _J.id, _J.name, _J.task, _J.mode, _J.trigger, _J.policy, _J.params, _J.group_name,
    _J.tags, _J.description, _J.state, _J.state_reason, _J.paused_until_us, _J.next_us,
    _J.created_us, _J.updated_us, _J.version, _J.paused_us, _J.seen_us,
)  # fmt: skip
# Stored for what the trigger leaves out: it is no moment, and gives way should it become one.
OMITTED = "omitted"
# What a run keeps to its end, then what its end says: settling replaces the second part.
RUN_COLUMNS = (
    _R.id, _R.job_key, _J.id, _R.name, _R.task, _R.queue, _R.priority, _R.params, _R.policy,
    _R.requested_by, _R.due_us, _R.created_us, _R.not_before_us, _R.attempt, _R.claim, _R.retry_of,
    _R.node, _R.progress, _R.progress_text,
    _R.state, _R.started_us, _R.ended_us, _R.exit_code, _R.signal, _R.ended_by, _R.reason,
    _R.successes, _R.errors, _R.ignores, _R.cpu_us, _R.peak_bytes, _R.out_bytes, _R.err_bytes,
    _R.reported, _R.open_records, _R.retried_by,
)  # fmt: skip
CLAIM, NODE, STATE = 14, 16, 19
BEFORE_END = STATE
OCCURRENCE_COLUMNS = (
    _O.due_us, _O.outcome, _O.run_id, _O.late_us, _O.reason, _O.last_us, _O.count,
)  # fmt: skip


def select_runs(*more: Any) -> Select[Any]:
    """Return the query for whole runs with their job's uuid, and *more* columns behind."""
    joined = runs.outerjoin(jobs, _R.job_key == _J.key)
    return select(*RUN_COLUMNS, *more).select_from(joined)


def job_from(row: Sequence[Any]) -> Job:
    """Return the job in a row of JOB_COLUMNS."""
    (key, id_, name, task, mode, trigger, policy, params, group, tags, description, state, why,
     until, next_us, created, updated, version, paused, seen, *_) = row  # fmt: skip
    return Job(
        key=key,
        id=id_,
        name=name,
        task=task,
        mode=_MODES[mode],
        trigger=None if trigger is None else mapping_from(trigger),
        policy=policy_from_text(policy),
        params=mapping_from(params),
        group=group,
        tags=tags_from(tags),
        description=description,
        state=_JOB_STATES[state],
        state_reason=why,
        paused_until=None if until is None else from_us(until),
        next_run=None if next_us is None else from_us(next_us),
        created_at=from_us(created),
        updated_at=from_us(updated),
        version=version,
        paused_from=None if paused is None else from_us(paused),
        seen_at=None if seen is None else from_us(seen),
    )


def run_from(row: Sequence[Any]) -> Run:
    """Return the run in a row of RUN_COLUMNS."""
    (id_, job_key, job_id, name, task, queue, priority, params, policy, requested_by, due, created,
     not_before, attempt, claim, retry_of, node, progress, progress_text, state, started, ended,
     exit_code, signal, ended_by, reason, successes, errors, ignores, cpu, peak, out, err,
     reported, open_records, retried_by, *_) = row  # fmt: skip
    return Run(
        id=id_,
        job_key=job_key,
        job_id=job_id,
        name=name,
        task=task,
        state=_RUN_STATES[state],
        queue=queue,
        priority=priority,
        params=mapping_from(params),
        policy=policy_from_text(policy),
        requested_by=requested_by,
        due_at=None if due is None else from_us(due),
        created_at=from_us(created),
        not_before=None if not_before is None else from_us(not_before),
        started_at=None if started is None else from_us(started),
        ended_at=None if ended is None else from_us(ended),
        attempt=attempt,
        claim=claim,
        retry_of=retry_of,
        retried_by=retried_by,
        node=node,
        exit_code=exit_code,
        signal=signal,
        ended_by=None if ended_by is None else _CAUSES[ended_by],
        reason=reason,
        counts=_NOTHING
        if not (successes or errors or ignores)
        else Counts(success=successes, error=errors, ignore=ignores),
        progress=progress,
        progress_text=progress_text,
        cpu_seconds=None if cpu is None else cpu / 1_000_000,
        peak_memory=peak,
        out_bytes=out,
        err_bytes=err,
        reported=bool(reported),
        open_records=open_records,
    )


def occurrence_from(row: Sequence[Any]) -> Occurrence:
    """Return the occurrence in a row of OCCURRENCE_COLUMNS."""
    due, outcome, run_id, late, reason, last, count, *_ = row
    return Occurrence(
        due_at=from_us(due),
        outcome=_OCCURRED[outcome],
        reason=reason,
        run_id=run_id,
        late_by=None if late is None else late / 1_000_000,
        last_due_at=None if last is None else from_us(last),
        count=count,
    )


_MODES = {mode.value: mode for mode in Mode}
_JOB_STATES = {state.value: state for state in JobState}
_RUN_STATES = {state.value: state for state in RunState}
_CAUSES = {cause.value: cause for cause in EndedBy}
_OCCURRED = {each.value: each for each in OccurrenceOutcome}
_OCCURRED |= {OMITTED: OccurrenceOutcome.SKIPPED}
_NOTHING = Counts()
