"""Keeping continuous jobs alive on this machine: what is wanted against what lives.

Compared after a hint and once a second, by what differs; what is done about it says the table in
:mod:`jobsched.execution.supervisor.restarting`. Nobody else writes the rows of this machine's
services, so they are mirrored in memory; the rows stay the truth.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from jobsched import clock
from jobsched.catalog import WEB_JOB
from jobsched.execution.supervisor import restarting
from jobsched.execution.supervisor.books import Books
from jobsched.execution.supervisor.filling import Filler
from jobsched.execution.supervisor.fleet import Fleet
from jobsched.execution.supervisor.mirror import Mirror, coming_into
from jobsched.execution.supervisor.restarting import MOVES, Happening, Move
from jobsched.execution.supervisor.rights import Rights
from jobsched.model import EndedBy, Job, Run, ServiceState, service_policy
from jobsched.settings import Settings
from jobsched.storage import Store
from jobsched.storage.claims import Claim, Settled, Settlement
from jobsched.storage.services import Leave, Service, Wish
from jobsched.webjobs import appsettings
from jobsched.webjobs.appsettings import AppSettings

_EVERY = 1.0  # seconds between two looks without a hint
_AWAY = 3600 * clock.SECOND  # after which a machine's services are no longer shown
_GAP = 0.05  # seconds between two looks at least
_CHANGED = "The job was changed."
_ELSEWHERE = "It is a singleton, and another machine has the right to run it."
_UNWANTED = "The job was stopped, paused or deleted."


class Keeper:
    """The services of one machine; *fleet* and *filler* carry their runs to the runners."""

    def __init__(
        self, settings: Settings, store: Store, books: Books, fleet: Fleet, filler: Filler
    ) -> None:
        self._settings = settings
        self._node = settings.node
        self._store = store
        self._books = books
        self._fleet = fleet
        self._filler = filler
        self._rights = Rights(store, settings.node)
        self._mirror = Mirror(store, settings.node)
        self.wait_of = self._mirror.wait_of
        self._unsure: list[Job] = []  # living singletons whose right is still to be taken
        self._app_settings = AppSettings(configured=settings)
        self._loaded = False
        self._turn = 0  # whose turn it is among the runners
        self._looked = 0.0
        self.look_at = 0.0

    def load(self) -> None:
        """Take the rows of this machine's services in hand, unless that has been done."""
        if self._loaded:
            return
        self._app_settings = appsettings.read(self._store.switches, self._settings)
        self._store.services.tidy(self._node, clock.now_us() - _AWAY)
        jobs = self._mirror.load()
        alive = {self._mirror.row(job.key).run_id: job.key for job in jobs}
        self._books.service_runs.update({run: key for run, key in alive.items() if run is not None})
        self._unsure = [job for job in jobs if job.policy.singleton]
        self._loaded = True

    def hinted(self) -> None:
        """Look soon: something may have changed."""
        self.look_at = min(self.look_at, self._looked + _GAP)

    def look(self, *, starting: bool) -> None:
        """Compare what is wanted with what lives, if it is time; start only while *starting*."""
        now = clock.monotonic()
        if now < self.look_at:
            return
        self._looked, self.look_at = now, now + _EVERY
        self.load()
        self._keep_rights()
        self._app_settings = appsettings.read(self._store.switches, self._settings)
        jobs, unwanted = self._store.services.differences(
            self._node, clock.now_us(), webjobs_stopped=self._app_settings.stopped
        )
        for key in unwanted:
            self._unwanted(self._mirror.row(key))
        if starting:
            self._wanted([*self._unsure, *jobs])
            self._unsure = []
            self._look_when_due()

    def tell(self, runner: str, run: Run) -> None:
        """Tell a runner to start the claimed *run* of a service; it takes no place of others."""
        key = self._books.service_runs[run.id]
        self._filler.give(runner, run, self._rights.left(key))

    def settle(self, ends: Sequence[Settlement], now_us: int, *, starting: bool) -> list[Settled]:
        """Settle *ends*; services among them start again at once, or wait, or rest."""
        self.load()  # an end without what follows from it would leave the service for dead
        found = (self._leave(end, now_us, starting=starting) for end in ends)
        leaves = [leave for leave in found if leave is not None]
        if not leaves:
            return self._store.claims.settle(ends, now_us)

        left: list[Leave] = []

        def follow(over: set[int], claims: list[Claim]) -> None:
            left.extend(leave for leave in leaves if leave.run_id in over)
            for leave in left:
                self._note(leave, now_us)
            self._launch(claims, [leave.again for leave in left if leave.again is not None])

        try:
            return self._store.services.settle(ends, leaves, now_us, follow)
        finally:  # the rows say so, even if the disk has failed since
            for leave in left:
                self._left(leave, now_us)

    def started(self, starts: Iterable[tuple[int, int, int]]) -> None:
        """Note which of the runs that have *starts* (run, claim, microseconds) are services."""
        mine = [
            (self._books.service_runs[run_id], run_id, started_us)
            for run_id, _, started_us in starts
            if run_id in self._books.service_runs
        ]
        if not mine:
            return
        self._store.services.started(self._node, mine)
        for key, run_id, started_us in mine:
            row = self._mirror.row(key)
            if MOVES[row.state, Happening.STARTED] is Move.RUN:
                row = replace(row, state=ServiceState.RUNNING, since_us=started_us)
                self._mirror.note(replace(row, next_try_us=None))
            facts = {"run": run_id, "restarts": row.restarts}
            self._mirror.tell("service started", key, facts=facts)

    def returned(self, delay: float) -> None:
        """Keep what no runner could start for our own want; try the same run after *delay*."""
        now_us = clock.now_us()
        keys = [key for key in self._books.returned if key[0] in self._books.service_runs]
        held = []
        for run_id, _ in keys:
            row = self._mirror.row(self._books.service_runs[run_id])
            if MOVES[row.state, Happening.RETURNED] is Move.HOLD:
                again_us = now_us + round(delay * clock.SECOND)
                held.append(coming_into(row, ServiceState.WAITING, now_us, next_try_us=again_us))
        if held:
            self._mirror.put(held, now_us)
            self._look_when_due()
        self._books.release(keys)

    # What is wanted

    def _wanted(self, jobs: Sequence[Job]) -> None:
        starts = []
        for job in jobs:
            self._mirror.know(job)
            row = self._mirror.row(job.key)
            move = MOVES[row.state, Happening.WANTED]
            if move is Move.START:
                starts.append(job)
            elif move is Move.COMPARE:
                self._compare(job, row)
            elif row.version != job.version:
                self._mirror.put([replace(row, version=job.version)], clock.now_us())
        if starts:
            self._start(starts)

    def _compare(self, job: Job, row: Service) -> None:
        """Let a living service follow a change of its *job*: anew if its run would be another."""
        if job.policy.singleton and not self._rights.take(job.key):
            self._refused(row, job)
            return
        if not job.policy.singleton:
            self._rights.release(job.key)
        self._prolong(job.key)
        run = None if row.run_id is None else self._store.runs.get(row.run_id)
        if run is None or _made_of(job) == (run.task, run.params, run.policy):
            self._mirror.put([replace(row, version=job.version)], clock.now_us())
        else:
            self._stop(replace(row, version=job.version), EndedBy.REPLACED, _CHANGED)

    def _start(self, jobs: Sequence[Job]) -> None:
        ready = self._fleet.ready()
        if not ready:
            self.look_at = self._looked + _GAP
            return
        wishes = []
        for job in jobs:
            row = replace(self._mirror.row(job.key), version=job.version)
            self._mirror.note(row)
            if job.policy.singleton and not self._rights.take(job.key):
                self._refused(row, job)
            elif row.run_id is not None:
                self._again(row, self._next(ready))
            else:
                wishes.append(self._wish(row, self._next(ready)))
        if wishes:
            claims = self._store.services.begin(wishes, clock.now_us())
            # One that was not granted has been changed in the meantime, in ways we do not know.
            self._loaded = self._loaded and len(claims) == len(wishes)
            self._launch(claims, wishes)

    def _wish(self, row: Service, runner: str) -> Wish:
        again = row.state is ServiceState.WAITING or row.run_id is not None
        return Wish(
            job_key=row.job_key,
            node=self._node,
            runner=runner,
            boot_id=self._filler.boot_id,
            exits=row.exits if again else 0,
            restarts=row.restarts + 1 if again else 0,
            epoch=self._rights.epoch(row.job_key),
        )

    def _again(self, row: Service, runner: str) -> None:
        """Tell a runner once more of the run that none could start."""
        if any(run_id == row.run_id for run_id, _ in self._books.hosted):
            return  # one has heard of it after all
        claim = self._store.services.again(row, runner, self._filler.boot_id)
        if claim is not None:
            now_us = clock.now_us()
            self._mirror.put([coming_into(row, ServiceState.STARTING, now_us)], now_us)
            self._host(claim)

    def _launch(self, claims: Sequence[Claim], wishes: Sequence[Wish]) -> None:
        """Take new runs in hand and tell their runners."""
        by_key = {wish.job_key: wish for wish in wishes}
        for claim in claims:
            key = claim.run.job_key
            assert key is not None  # noqa: S101 - narrows a type: a service belongs to a job
            wish, row = by_key[key], self._mirror.row(key)
            begun = coming_into(row, ServiceState.STARTING, clock.to_us(claim.run.created_at))
            self._mirror.note(
                replace(begun, run_id=claim.run.id, exits=wish.exits, restarts=wish.restarts)
            )
            self._books.service_runs[claim.run.id] = key
            self._host(claim)

    def _host(self, claim: Claim) -> None:
        self._books.host((claim.run.id, claim.run.claim), claim.runner, claim.run)
        self.tell(claim.runner, claim.run)

    # What is not wanted

    def _unwanted(self, row: Service) -> None:
        now_us = clock.now_us()
        move = MOVES[row.state, Happening.UNWANTED]
        if move is Move.STOP or (move is Move.REST and row.run_id is not None):
            self._stop(row, EndedBy.STOP, _UNWANTED)
        elif move is Move.REST:
            self._mirror.put([coming_into(row, ServiceState.STOPPED, now_us, exits=0)], now_us)
            self._over(row.job_key)
        elif move is Move.FORGET:
            self._mirror.forget(row.job_key)

    def _refused(self, row: Service, job: Job) -> None:
        """Let go of a singleton to which another machine has the right."""
        now_us = clock.now_us()
        row = replace(row, version=job.version)
        move = MOVES[row.state, Happening.REFUSED]
        if move is Move.STOP or row.run_id is not None:
            self._stop(row, EndedBy.REPLACED, _ELSEWHERE)
        elif row.state is not ServiceState.INACTIVE:
            self._mirror.put([coming_into(row, ServiceState.INACTIVE, now_us, exits=0)], now_us)
            self._mirror.tell("service inactive", row.job_key)
        elif self._mirror.row(row.job_key).version != row.version:
            self._mirror.put([row], now_us)

    def _stop(self, row: Service, ended_by: EndedBy, reason: str) -> None:
        now_us = clock.now_us()
        stopping = coming_into(row, ServiceState.STOPPING, now_us, exits=0)
        self._store.services.stop(stopping, ended_by, reason, now_us)
        self._mirror.note(stopping)

    def _over(self, job_key: int) -> None:
        self._rights.release(job_key)
        self._mirror.tell("service stopped", job_key)

    # What has ended

    def _leave(self, settlement: Settlement, now_us: int, *, starting: bool) -> Leave | None:
        """Return where an end leaves its service; None when it is no service's."""
        end = settlement.end
        key = self._books.service_runs.get(end.run_id)
        if key is None or self._mirror.row(key).run_id != end.run_id:
            return None
        row = self._mirror.row(key)
        wait = self._restart_time(key)
        leave = restarting.leave_of(row, settlement, wait, now_us, starting=starting)
        ready = self._fleet.ready()
        if leave.next_try_us is None or leave.next_try_us > now_us or not ready:
            return leave
        waiting = replace(row, state=leave.state, exits=leave.exits)
        return replace(leave, again=self._wish(waiting, self._next(ready)))

    def _note(self, leave: Leave, now_us: int) -> None:
        row = self._mirror.row(leave.job_key)
        left = coming_into(row, leave.state, now_us, exits=leave.exits, run_id=None)
        self._mirror.note(replace(left, next_try_us=leave.next_try_us))
        self._books.service_runs.pop(leave.run_id, None)

    def _left(self, leave: Leave, now_us: int) -> None:
        if leave.state is ServiceState.STOPPED:
            self._over(leave.job_key)
            self.hinted()  # it may be wanted again by now
            return
        wait = max(0.0, ((leave.next_try_us or now_us) - now_us) / clock.SECOND)
        self._mirror.tell_end(leave, wait)
        self.look_at = min(self.look_at, clock.monotonic() + wait)

    def _restart_time(self, job_key: int) -> float:
        configured = self._settings.webjobs_restart_time
        if self._mirror.task(job_key) != WEB_JOB:
            return configured
        return self._app_settings.restart_time(configured)

    # The rights to singletons

    def _keep_rights(self) -> None:
        ours, lost = self._rights.renew()
        for key in ours:
            self._prolong(key)
        for key in lost:
            row = self._mirror.row(key)
            if row.run_id is not None:
                self._stop(row, EndedBy.REPLACED, _ELSEWHERE)

    def _prolong(self, job_key: int) -> None:
        """Tell the runner for how long a living service may go on; 0 is for ever."""
        run_id, seconds = self._mirror.row(job_key).run_id, self._rights.left(job_key) or 0.0
        for key in [one for one in self._books.hosted if one[0] == run_id]:
            message = {"op": "lease", "run": key[0], "claim": key[1], "seconds": seconds}
            self._fleet.send(self._books.hosted[key].runner, [message])

    # In common

    def _next(self, ready: Sequence[str]) -> str:
        self._turn += 1
        return ready[self._turn % len(ready)]

    def _look_when_due(self) -> None:
        if (due_us := self._mirror.due_us) is not None:
            wait = (due_us - clock.now_us()) / clock.SECOND
            self.look_at = min(self.look_at, clock.monotonic() + max(_GAP, wait))


def _made_of(job: Job) -> tuple[object, ...]:
    return (job.task, job.params, service_policy(job.policy))
