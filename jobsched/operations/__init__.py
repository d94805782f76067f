"""The verbs that every interface uses; what they refuse is an exception of ``errors``.

``build`` makes them once per process; nothing in here knows of HTTP.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    from jobsched.operations.webjobs import WebJobs
    from jobsched.storage import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """All verbs, by subject."""

    configuration: "Configuration"
    store: "Store"
    jobs: "Jobs"
    changes: "Changes"
    pauses: "Pauses"
    previews: "Previews"
    ledger: "Ledger"
    runs: "Runs"
    commands: "Commands"
    clients: "Clients"
    retries: "Retries"
    records: "Records"
    reports: "Reports"
    flows: "Flows"
    services: "Services"
    outputs: "Outputs"
    tokens: "Tokens"
    scheduling: "Scheduling"
    status: "Status"
    reloading: "Reloading"
    audit: "AuditLog"
    waiting: "Waiting"
    upcoming: "Upcoming"
    webjobs: "WebJobs"
    app_settings: "AppSettingsBook"
    web_hooks: "WebHooks"


def build(
    configuration: "Configuration", store: "Store", notify: Callable[[str], None]
) -> Operations:
    """Return the verbs over *store*; *notify* wakes the listeners of a topic (``wake.TOPICS``)."""
    # Imported late: other parts of this package are used by processes that need none of this.
    from jobsched.operations import building

    return building.build(configuration, store, notify)
