"""What the program is about: tasks, jobs, runs, occurrences; their states and rules. No I/O.

A *job* says when a task runs. A *run* is one execution. An *occurrence* is one planned moment
of a job and what became of it. State (where a run is on its way) and result (the facts about
its end) are kept apart; every interface derives its own words from the facts.
"""

from jobsched.model.entities import (
    Counts,
    End,
    Job,
    Occurrence,
    Record,
    Run,
    WebJob,
)
from jobsched.model.policy import (
    Health,
    Misfire,
    Policy,
    Retries,
)
from jobsched.model.rules import (
    claimable_runs,
    is_open,
    may_retry,
    overlap_allows,
    retry_delay,
    service_policy,
)
from jobsched.model.words import (
    ALIVE,
    ON_A_MACHINE,
    TRANSITIONS,
    CatchUp,
    Dst,
    EndedBy,
    JobState,
    Mode,
    OccurrenceOutcome,
    OnExcluded,
    OnLost,
    Outcome,
    Overlap,
    RecordState,
    Role,
    RunState,
    ServiceState,
    WebJobType,
    outcome_of,
)

__all__ = [
    "ALIVE",
    "ON_A_MACHINE",
    "TRANSITIONS",
    "CatchUp",
    "Counts",
    "Dst",
    "End",
    "EndedBy",
    "Health",
    "Job",
    "JobState",
    "Misfire",
    "Mode",
    "Occurrence",
    "OccurrenceOutcome",
    "OnExcluded",
    "OnLost",
    "Outcome",
    "Overlap",
    "Policy",
    "Record",
    "RecordState",
    "Retries",
    "Role",
    "Run",
    "RunState",
    "ServiceState",
    "WebJob",
    "WebJobType",
    "claimable_runs",
    "is_open",
    "may_retry",
    "outcome_of",
    "overlap_allows",
    "retry_delay",
    "service_policy",
]
