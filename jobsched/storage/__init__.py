"""The rows: every fact jobsched keeps, behind one class per subject.

``Store.open(url)`` gives them all. Rows never leave this package; values of ``model`` do.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Self

from jobsched.storage.database import Database
from jobsched.storage.sqlite import wal_reset_fault

if TYPE_CHECKING:
    from jobsched.storage.attached import Attached
    from jobsched.storage.audit import Audit
    from jobsched.storage.claims import Claims
    from jobsched.storage.commands import Commands
    from jobsched.storage.deliveries import Deliveries
    from jobsched.storage.firing import Firing
    from jobsched.storage.flows import Flows
    from jobsched.storage.forgetting import Forgetting
    from jobsched.storage.hooks import Hooks
    from jobsched.storage.idempotency import Idempotency
    from jobsched.storage.jobs import Jobs
    from jobsched.storage.leases import Leases
    from jobsched.storage.nodes import Nodes
    from jobsched.storage.occurrences import Occurrences
    from jobsched.storage.outputs import Outputs
    from jobsched.storage.pruning import Pruning
    from jobsched.storage.records import Records
    from jobsched.storage.reports import Reports
    from jobsched.storage.runs import Runs
    from jobsched.storage.services import Services
    from jobsched.storage.switches import Switches
    from jobsched.storage.tokens import Tokens
    from jobsched.storage.webjobs import WebJobs


class Store:
    """Everything that is stored; what a process does not use is not even imported."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @classmethod
    def open(cls, url: str, *, migrate: bool = False) -> Self:
        """Open the database at *url*, bringing it to this version's shape with *migrate*.

        Raises: ConfigurationError when it belongs to a newer version or another program.
        """
        if migrate:
            from jobsched.storage.migrate import migrate as bring_up_to_date

            bring_up_to_date(url)
        return cls(Database(url))

    def close(self) -> None:
        """Close all connections; the store can still be used and opens new ones."""
        self.database.close()

    def dispose_after_fork(self) -> None:
        """Call first thing in a forked child: connections cannot be shared."""
        self.database.dispose_after_fork()

    @cached_property
    def jobs(self) -> "Jobs":
        from jobsched.storage.jobs import Jobs

        return Jobs(self.database)

    @cached_property
    def runs(self) -> "Runs":
        from jobsched.storage.runs import Runs

        return Runs(self.database)

    @cached_property
    def claims(self) -> "Claims":
        from jobsched.storage.claims import Claims

        return Claims(self.database)

    @cached_property
    def commands(self) -> "Commands":
        from jobsched.storage.commands import Commands

        return Commands(self.database)

    @cached_property
    def attached(self) -> "Attached":
        from jobsched.storage.attached import Attached

        return Attached(self.database)

    @cached_property
    def outputs(self) -> "Outputs":
        from jobsched.storage.outputs import Outputs

        return Outputs(self.database)

    @cached_property
    def occurrences(self) -> "Occurrences":
        from jobsched.storage.occurrences import Occurrences

        return Occurrences(self.database)

    @cached_property
    def firing(self) -> "Firing":
        from jobsched.storage.firing import Firing

        return Firing(self.database)

    @cached_property
    def leases(self) -> "Leases":
        from jobsched.storage.leases import Leases

        return Leases(self.database)

    @cached_property
    def nodes(self) -> "Nodes":
        from jobsched.storage.nodes import Nodes

        return Nodes(self.database)

    @cached_property
    def tokens(self) -> "Tokens":
        from jobsched.storage.tokens import Tokens

        return Tokens(self.database)

    @cached_property
    def webjobs(self) -> "WebJobs":
        from jobsched.storage.webjobs import WebJobs

        return WebJobs(self.database)

    @cached_property
    def audit(self) -> "Audit":
        from jobsched.storage.audit import Audit

        return Audit(self.database)

    @cached_property
    def idempotency(self) -> "Idempotency":
        from jobsched.storage.idempotency import Idempotency

        return Idempotency(self.database)

    @cached_property
    def hooks(self) -> "Hooks":
        from jobsched.storage.hooks import Hooks

        return Hooks(self.database)

    @cached_property
    def deliveries(self) -> "Deliveries":
        from jobsched.storage.deliveries import Deliveries

        return Deliveries(self.database)

    @cached_property
    def pruning(self) -> "Pruning":
        from jobsched.storage.pruning import Pruning

        return Pruning(self.database)

    @cached_property
    def records(self) -> "Records":
        from jobsched.storage.records import Records

        return Records(self.database)

    @cached_property
    def reports(self) -> "Reports":
        from jobsched.storage.reports import Reports

        return Reports(self.database)

    @cached_property
    def forgetting(self) -> "Forgetting":
        from jobsched.storage.forgetting import Forgetting

        return Forgetting(self.database)

    @cached_property
    def flows(self) -> "Flows":
        from jobsched.storage.flows import Flows

        return Flows(self.database)

    @cached_property
    def services(self) -> "Services":
        from jobsched.storage.services import Services

        return Services(self.database)

    @cached_property
    def switches(self) -> "Switches":
        from jobsched.storage.switches import Switches

        return Switches(self.database)


__all__ = ["Database", "Store", "wal_reset_fault"]
