"""A scheduler without its thread, on a clock that only the test moves."""

import uuid
from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from jobsched import events
from jobsched.clock import SECOND
from jobsched.model import Job, Mode, Occurrence, Policy
from jobsched.scheduling.almanac import Almanac
from jobsched.scheduling.cycle import BREATH, Cycle
from jobsched.scheduling.firer import Firer
from jobsched.scheduling.leader import Leader
from jobsched.storage import Store
from jobsched.storage.locks import scheduler_lock
from jobsched.storage.newjobs import NewJob
from jobsched.storage.tables import jobs, runs
from jobsched.triggers import parse

NOON = 1_700_000_000 * SECOND
FOREVER = 2**60


class Moment:
    """A clock in microseconds."""

    def __init__(self, us: int = NOON) -> None:
        self.us = us

    def __call__(self) -> int:
        return self.us

    def go(self, seconds: float) -> None:
        self.us += round(seconds * SECOND)


class Scheduling:
    """A store, a clock and a firer, with what tests ask of them."""

    def __init__(
        self,
        store: Store,
        moment: Moment | None = None,
        batch: int = 1000,
        almanac: Almanac | None = None,
    ) -> None:
        self.store = store
        self.moment = moment or Moment()
        self.told: list[str] = []
        leader = Leader(store, scheduler_lock(store.database), self.moment)
        self.almanac = almanac or Almanac()
        self.cycle = Cycle(store, self.told.append, self.moment, batch, self.almanac)
        self.firer = Firer(leader, self.cycle)

    def add(self, trigger: dict[str, Any] | None = None, **values: Any) -> Job:
        """Add a job as of now; every ten seconds unless *trigger* says otherwise."""
        given, calendars = trigger or {"interval": {"seconds": 10}}, self.almanac.calendars
        rule = parse(given, created_us=self.moment.us, calendars=calendars)
        policy = values.pop("policy", Policy())
        plain: dict[str, Any] = {
            "id": str(uuid.uuid4()),
            "name": "backup",
            "task": "example",
            "mode": Mode.SCHEDULED,
            "created_us": self.moment.us,
            "trigger": rule.stored(),
            "next_us": rule.first(self.moment.us),
            "policy": policy,
        }
        return self.store.jobs.add(NewJob(**(plain | values)))

    def fire(self, seconds: float = 0) -> float:
        """Let *seconds* pass, then fire until nothing more is due."""
        self.moment.go(seconds)
        while (wait := self.firer.fire()) == BREATH:
            pass
        return wait

    def ledger(self, job: Job) -> list[Occurrence]:
        """Return every entry of the job's ledger, oldest first."""
        return self.store.occurrences.list(job.key, 0, FOREVER, 1000).values[::-1]

    def outcomes(self, job: Job) -> list[tuple[str, int]]:
        """Return the outcome and the count of every entry, oldest first."""
        return [(entry.outcome.value, entry.count) for entry in self.ledger(job)]

    def runs(self, job: Job) -> list[tuple[int, int, str]]:
        """Return id, due time and state of every run of the job, oldest first."""
        query = select(runs.c.id, runs.c.due_us, runs.c.state).where(runs.c.job_key == job.key)
        with self.store.database.read() as connection:
            return [tuple(row) for row in connection.execute(query.order_by(runs.c.id))]

    def job_state(self, job: Job) -> str:
        """Return the state in the row, also of a job that cannot be read."""
        query = select(jobs.c.state).where(jobs.c.key == job.key)
        with self.store.database.read() as connection:
            return str(connection.execute(query).scalar_one())

    def finish_runs(self, job: Job) -> None:
        """Have every run of the job come to its end."""
        with self.store.database.write() as connection:
            connection.execute(runs.update().where(runs.c.job_key == job.key).values(state="done"))

    def job(self, job: Job) -> Job:
        """Return the job as it is now."""
        found = self.store.jobs.get(job.id)
        assert found is not None
        return found


def hear(names: list[str]) -> Callable[[], None]:
    """Note the name of every event in *names*; return the function that ends this."""
    return events.listen(lambda event: names.append(event.name))
