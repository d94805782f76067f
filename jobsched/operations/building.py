"""All verbs of the program over one store."""

from collections.abc import Callable

from jobsched.operations import Operations
from jobsched.operations.announce import Announcer
from jobsched.operations.appsettings import AppSettingsBook
from jobsched.operations.audit import AuditLog
from jobsched.operations.changing import Changes
from jobsched.operations.clients import Clients
from jobsched.operations.commands import Commands
from jobsched.operations.configuration import Configuration, Reloading
from jobsched.operations.flows import Flows
from jobsched.operations.jobs import Jobs
from jobsched.operations.ledger import Ledger
from jobsched.operations.outputs import Outputs
from jobsched.operations.pausing import Pauses
from jobsched.operations.preview import Previews
from jobsched.operations.queueing import Queue
from jobsched.operations.records import Records
from jobsched.operations.reports import Reports
from jobsched.operations.retries import Retries
from jobsched.operations.runs import Runs
from jobsched.operations.scheduling import Scheduling
from jobsched.operations.services import Services
from jobsched.operations.status import Status
from jobsched.operations.tokens import Tokens
from jobsched.operations.upcoming import Upcoming
from jobsched.operations.waiting import Waiting
from jobsched.operations.webhooks import WebHooks
from jobsched.operations.webjobs import build as build_webjobs
from jobsched.storage import Store


def build(configuration: Configuration, store: Store, notify: Callable[[str], None]) -> Operations:
    """Return the verbs over *store*; *notify* wakes the listeners of a topic (``wake.TOPICS``)."""
    announce = Announcer(notify)
    queue = Queue(store, configuration, announce)
    scheduling = Scheduling(store, announce)
    pauses = Pauses(store, configuration, announce)
    webjobs = build_webjobs(store, configuration, queue, announce)
    jobs = Jobs(store, configuration, queue, announce)
    records = Records(store, queue)
    return Operations(
        configuration=configuration,
        store=store,
        jobs=jobs,
        changes=Changes(store, configuration, announce),
        pauses=pauses,
        previews=Previews(configuration),
        ledger=Ledger(store, configuration),
        runs=Runs(store, configuration, queue, announce),
        retries=Retries(store, queue, announce),
        reports=Reports(store, configuration, announce),
        records=records,
        flows=Flows(store, configuration, queue, announce, jobs, records),
        commands=Commands(store, configuration, queue, announce),
        clients=Clients(store, configuration.settings, announce),
        services=Services(store, queue, pauses),
        outputs=Outputs(store, configuration),
        tokens=Tokens(store, announce),
        scheduling=scheduling,
        status=Status(store, configuration, scheduling),
        reloading=Reloading(store, configuration, announce),
        audit=AuditLog(store),
        waiting=Waiting(store),
        upcoming=Upcoming(store, configuration),
        webjobs=webjobs,
        app_settings=AppSettingsBook(store, configuration.settings, announce, webjobs.sync),
        web_hooks=WebHooks(store, configuration.settings, announce),
    )
