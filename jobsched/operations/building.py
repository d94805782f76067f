"""All verbs of the program over one store."""

from collections.abc import Callable

from jobsched.operations import Operations
from jobsched.operations.announce import Announcer
from jobsched.operations.audit import AuditLog
from jobsched.operations.changing import Changes
from jobsched.operations.configuration import Configuration, Reloading
from jobsched.operations.jobs import Jobs
from jobsched.operations.ledger import Ledger
from jobsched.operations.outputs import Outputs
from jobsched.operations.pausing import Pauses
from jobsched.operations.preview import Previews
from jobsched.operations.queueing import Queue
from jobsched.operations.runs import Runs
from jobsched.operations.scheduling import Scheduling
from jobsched.operations.status import Status
from jobsched.operations.tokens import Tokens
from jobsched.operations.upcoming import Upcoming
from jobsched.operations.waiting import Waiting
from jobsched.storage import Store


def build(configuration: Configuration, store: Store, notify: Callable[[str], None]) -> Operations:
    """Return the verbs over *store*; *notify* wakes the listeners of a topic (``wake.TOPICS``)."""
    announce = Announcer(notify)
    queue = Queue(store, configuration, announce)
    scheduling = Scheduling(store, announce)
    return Operations(
        configuration=configuration,
        store=store,
        jobs=Jobs(store, configuration, queue, announce),
        changes=Changes(store, configuration, announce),
        pauses=Pauses(store, configuration, announce),
        previews=Previews(configuration),
        ledger=Ledger(store, configuration),
        runs=Runs(store, configuration, queue, announce),
        outputs=Outputs(store, configuration),
        tokens=Tokens(store, announce),
        scheduling=scheduling,
        status=Status(store, configuration, scheduling),
        reloading=Reloading(store, configuration, announce),
        audit=AuditLog(store),
        waiting=Waiting(store),
        upcoming=Upcoming(store, configuration),
    )
