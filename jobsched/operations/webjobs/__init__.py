"""The verbs on web jobs: their folders brought in line with their jobs, and what clients ask."""

from jobsched.operations.announce import Announcer
from jobsched.operations.configuration import Configuration
from jobsched.operations.jobs import Jobs
from jobsched.operations.pausing import Pauses
from jobsched.operations.queueing import Queue
from jobsched.operations.webjobs.identity import job_id
from jobsched.operations.webjobs.removing import Remover
from jobsched.operations.webjobs.syncing import Synced, Syncer
from jobsched.operations.webjobs.verbs import WebJobs, WebJobView
from jobsched.storage import Store

__all__ = ["Synced", "WebJobView", "WebJobs", "build", "job_id"]


def build(store: Store, configuration: Configuration, queue: Queue, announce: Announcer) -> WebJobs:
    """Return the verbs over *store*."""
    syncer = Syncer(store, configuration, queue, announce)
    return WebJobs(
        store,
        syncer,
        Remover(store, configuration, syncer),
        Jobs(store, configuration, queue, announce),
        Pauses(store, configuration, announce),
    )
