"""The verbs on continuous jobs: start, stop, start anew."""

from jobsched.errors import UnknownJob, WrongMode
from jobsched.model import EndedBy, Job, JobState, Mode, RunState
from jobsched.operations.pausing import Pauses
from jobsched.operations.queueing import Queue
from jobsched.storage import Store

_ALIVE = (RunState.STARTING, RunState.RUNNING)


class Services:
    """Continuous jobs as users steer them; the supervisors see to the rest."""

    def __init__(self, store: Store, queue: Queue, pauses: Pauses) -> None:
        self._store = store
        self._queue = queue
        self._pauses = pauses

    def start(self, job_id: str, by: str) -> Job:
        """Let a continuous job run, from now on and after every start of the server; return it.

        One that shall run already is left alone.

        Raises: UnknownJob, WrongMode.
        """
        job = self._continuous(job_id)
        return job if job.state is JobState.ACTIVE else self._pauses.resume(job_id, by)

    def stop(self, job_id: str, by: str, reason: str | None = None) -> Job:
        """Stop a continuous job on all machines; it stays so until it is started. Return it.

        Raises: UnknownJob, WrongMode.
        """
        job = self._continuous(job_id)
        if job.state is JobState.PAUSED and job.paused_until is None:
            return job
        return self._pauses.pause(job_id, by, reason=reason)

    def restart(self, job_id: str, by: str, reason: str) -> None:
        """End what runs of a continuous job; as it is to run, it starts anew at once.

        Raises: UnknownJob, WrongMode.
        """
        job = self._continuous(job_id)
        for run in self._store.runs.of_job(job.key, *_ALIVE):
            self._queue.stop_if_alive(run.id, EndedBy.REPLACED, f"{reason} (by {by})")

    def _continuous(self, job_id: str) -> Job:
        job = self._store.jobs.get(job_id)
        if job is None:
            raise UnknownJob(job_id)
        if job.mode is not Mode.CONTINUOUS:
            raise WrongMode(
                f"Job {job_id} is {job.mode.value}: only continuous jobs are started and stopped.",
                job=job_id,
            )
        return job
