"""The supervisor of one machine: claims queued runs, hands them to runners, settles their ends.

One loop, no threads. A turn of it is the story of a run: runners are kept up; what they say is
heard; the dead are judged; ends are settled, many in one transaction, and then forgotten by
their runners; starts are confirmed; stops are passed on; free places are filled by claiming in
one transaction, and only then is a runner told.
"""

import selectors

from jobsched import catalog as catalogs
from jobsched import clock
from jobsched.catalog import WEB_JOB, Catalog
from jobsched.execution.protocol import Key, Message
from jobsched.execution.runner import heard
from jobsched.execution.supervisor import adoption, hosting, settling, webjobs
from jobsched.execution.supervisor.books import Books, Hosted
from jobsched.execution.supervisor.filling import Filler
from jobsched.execution.supervisor.fleet import Fleet
from jobsched.execution.supervisor.keeping import Keeper
from jobsched.execution.supervisor.machine import boot_id
from jobsched.execution.supervisor.reports import Reports
from jobsched.execution.supervisor.surroundings import Present, Surroundings
from jobsched.execution.supervisor.telling import tell_finished, tell_started
from jobsched.execution.sweep import sweep
from jobsched.model import Counts, EndedBy
from jobsched.settings import Settings
from jobsched.storage import Store
from jobsched.wake import Listener, Wake

LONGEST_SLEEP = 1.0
_CONFIRM_WITHIN = 0.04  # seconds until a start must be in the rows
_BUSY = 16  # ends in a tenth of a second from which on they are gathered ...
_GATHERED = 32  # ... until there are so many ...
_GATHER = 0.015  # ... or so many seconds have passed
_COUNTED = ("success", "error", "ignore")
_AT_ONCE = 500  # settlements per transaction


class Supervisor:
    """Everything of one node; :meth:`turn` is one round of its loop."""

    def __init__(self, settings: Settings, store: Store, catalog: Catalog) -> None:
        self._settings = settings
        self._store = store
        self._claims = store.claims
        self._runs = store.runs
        self._books = Books()
        self._selector = selectors.DefaultSelector()
        self._listener = Listener(settings.data_dir, "supervisor")
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self.fleet = Fleet(settings.data_dir, settings.node, settings.runners, self._selector)
        self._wake = Wake(settings.data_dir)
        self._boot_id = boot_id()
        self._present = Present(
            Surroundings.here(settings, catalog, store),
            store.switches,
            lambda: catalogs.load(settings.conf_dir, settings.tasks_dir),
        )
        self._filler = Filler(self._claims, self._present, self._books, self.fleet, self._boot_id)
        self._keeper = Keeper(settings, store, self._books, self.fleet, self._filler)
        self._reports = Reports(store, self._present.around.handover.files)
        self._look_at = 0.0
        self._confirm_at = 0.0
        self._settle_at = 0.0
        self._dead: list[str] = []
        self._buried: list[str] = []
        self.claiming = True

    def begin(self) -> None:
        """Take every row of this node in hand; living runners are asked, dead ones judged."""
        self.fleet.find()
        self._keeper.load()
        before = webjobs.settled_before(self._store, self._settings.node)
        self._present.around.webjobs.complete(before)
        living = self.fleet.living()
        for row in self._claims.mine(self._settings.node):
            self._books.host((row.run_id, row.claim), row.runner)
            if row.runner not in living and row.runner not in self._dead:
                self._dead.append(row.runner)
        self._reports.tidy(self._books.hosted)

    @property
    def hosting(self) -> bool:
        """Whether any run is in hand."""
        return bool(self._books.hosted)

    def turn(self) -> None:
        """Wait for news, a second at most, and act on it. Raises: JobschedError (database)."""
        self._hear(self._sleep())
        self.fleet.keep_up()
        self._bury()
        self._filler.hand_out()
        if clock.monotonic() >= self._settle_at:
            self._settle()
        self._give_back()
        self._confirm()
        if clock.monotonic() >= min(self._look_at, self._keeper.look_at):
            self._look_around()

    def stop_all(self, ended_by: EndedBy, reason: str) -> None:
        """Tell the runners to stop everything; SHUTDOWN with its grace, KILL at once."""
        for key, hosted in self._books.hosted.items():
            if self._filler.drop(key):
                end = settling.stopped_unstarted(key, ended_by, reason, clock.now_us())
                self._books.run_ended(end)
            elif hosted.told is not ended_by and key not in self._books.ends:
                self._tell_stop(hosted, ended_by, _stop(key, ended_by, reason))

    def rest(self) -> None:
        """Do nothing for a second, or until woken."""
        self._listener.wait(LONGEST_SLEEP)

    def ask_again(self) -> None:
        """After trouble with the database: ask the runners what they have, compare with rows."""
        self.fleet.ask_all()

    def close(self) -> None:
        """Leave; the runners live on."""
        self._present.around.handover.files.close()
        self.fleet.close()
        self._listener.close()
        self._wake.close()
        self._selector.close()

    def _sleep(self) -> float:
        if self._books.returned or self._dead or self._filler.busy:
            return 0.0
        until = min(self._look_at, self._keeper.look_at)
        if self._books.ends:
            until = min(until, self._settle_at)
        if self._books.started:
            until = min(until, self._confirm_at)
        wait = min(LONGEST_SLEEP, until - clock.monotonic())
        return max(0.0, min(wait, 0.005) if self.fleet.waiting else wait)

    def _hear(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                self._listener.drain()
                self._look_at = 0.0
                self._keeper.hinted()
                continue
            for message in self.fleet.receive(key.data):
                self._take(key.data, message)
        self._choose_moment()

    def _choose_moment(self) -> None:
        """Settle at once, but when short runs end all the time gather them for a moment."""
        ends = self._books.ends
        gathering = len(ends) < _GATHERED and self._filler.pace.now >= _BUSY
        gathering = gathering and not any(self._books.is_service(key) for key in ends)
        if not gathering:
            self._settle_at = 0.0
        elif self._settle_at < clock.monotonic() - _GATHER:
            self._settle_at = clock.monotonic() + _GATHER

    def _take(self, name: str, message: Message) -> None:
        """Enter one word of a runner in the books."""
        if message["op"] == "state":
            self._adopt(name, message)
            return
        if "run" not in message:
            return
        key = (message["run"], message["claim"])
        match message["op"]:
            case "started":
                if not self._books.started:
                    self._confirm_at = clock.monotonic() + _CONFIRM_WITHIN
                self._books.run_started(key, message["started_us"])
            case "ended":
                self._filler.pace.add(not self._books.is_service(key))
                self._books.run_ended(settling.ended(key, message))
            case "refused":
                self._books.run_refused(key, message, clock.now_us())
            case "progress":
                self._books.progress[key] = message

    def _adopt(self, name: str, state: Message) -> None:
        """Compare what a living runner hosts with its rows; tell it what it never heard of."""
        rows = [row for row in self._claims.mine(self._settings.node) if row.runner == name]
        witness = adoption.from_state(state["runs"], self._boot_id)
        for key in adoption.judge(rows, witness, self._books, self._settings.runs_dir):
            run = self._runs.get(key[0])
            if run is not None and not self._filler.holds(key):
                self._books.hosted[key].run = run
                tell = self._keeper.tell if self._books.is_service(key) else self._filler.take
                tell(name, run)
        self._drop_strangers(name, witness, {(row.run_id, row.claim) for row in rows})

    def _drop_strangers(self, name: str, witness: adoption.Witness, known: set[Key]) -> None:
        """End what a runner hosts for no row, and let it forget what is settled long since."""
        for key in witness.traces.keys() - known - self._books.ends.keys():
            self._books.host(key, name)
            _, facts = witness.of(key)
            if "ended_by" in facts:
                self._books.run_ended(settling.ended(key, facts))
            else:
                reason = "Its row is gone or was settled."
                self.fleet.send(name, [_stop(key, EndedBy.KILL, reason)])

    def _bury(self) -> None:
        """Judge the runs of dead runners by their journals, and end what is left of them."""
        self._dead += self.fleet.dead()
        if not self._dead:
            return
        rows = self._claims.mine(self._settings.node)
        for name in self._dead:
            contents = hosting.testament(self._settings.data_dir, name)
            sweep(contents)
            witness = adoption.from_journal(contents.entries, self._boot_id)
            theirs = [row for row in rows if row.runner == name]
            adoption.judge(theirs, witness, self._books, self._settings.runs_dir)
        self._buried += self._dead
        self._dead = []

    def _settle(self) -> None:
        """Store how runs ended, then let their runners forget them, then tell everybody."""
        self._report_progress()  # the last word of a run that has just ended included
        ready = self._reports.ready(self._books.ends)
        while ready:
            settlements = {key: ready.pop(key) for key in [*ready][:_AT_ONCE]}
            ends, now_us = list(settlements.values()), clock.now_us()
            settled = self._keeper.settle(ends, now_us, starting=self.claiming)
            for name, keys in self._books.release(settlements).items():
                self.fleet.send(name, [{"op": "forget", "runs": keys}])
            self._reports.settled(settlements)
            self._look_at = 0.0  # places are free
            self._wake.notify("web")
            for one in settled:
                settlement = settlements[(one.run.id, one.run.claim)]
                tell_finished(one, settlement, self._settings.runs_dir)
                if one.run.task == WEB_JOB:
                    wait = self._keeper.wait_of(one.run)
                    self._present.around.webjobs.over(one.run, wait)
        while self._buried and not self._books.ends:
            hosting.discard(self._settings.data_dir, self._buried.pop())

    def _give_back(self) -> None:
        """Return to the queue what could not start for our own want; try again a little later."""
        if not self._books.returned:
            return
        delay = self._filler.rest()
        self._keeper.returned(delay)
        for reason in set(self._books.returned.values()):
            keys = [key for key, why in self._books.returned.items() if why == reason]
            self._claims.requeue(keys, reason, delay)
            self._books.release(keys)
            self._reports.settled(keys)
        self._look_at = 0.0

    def _confirm(self) -> None:
        """Store which runs are running, unless their end has come in the meantime."""
        if not self._books.started or clock.monotonic() < self._confirm_at:
            return
        starts = [(*key, moment) for key, moment in self._books.started.items()]
        self._claims.started(starts)
        self._keeper.started(starts)
        self._wake.notify("web")
        for run_id, claim, _ in starts:
            hosted = self._books.hosted.get((run_id, claim))
            if hosted is not None and hosted.run is not None:
                tell_started(hosted.run, hosted.runner)
                if hosted.run.task == WEB_JOB:
                    self._present.around.webjobs.running(hosted.run)
        self._books.confirmed([(run_id, claim) for run_id, claim, _ in starts])

    def _look_around(self) -> None:
        """Once a second, after a hint, and when places are free: rows that want something."""
        self._look_at = clock.monotonic() + LONGEST_SLEEP
        self._present.keep_up()
        self._keeper.look(starting=self.claiming)
        wait = self._filler.fill() if self.claiming else None
        if wait is not None:
            self._look_at = min(self._look_at, clock.monotonic() + wait)
        self._pass_on_stops()
        self._report_progress()

    def _report_progress(self) -> None:
        for key, message in list(self._books.progress.items()):
            # Once more, for one wrong word in a row would end every turn from now on.
            told = heard.checked({**message, "op": "report"})
            if told is not None:
                counts = Counts(**{name: told[name] for name in _COUNTED})
                self._runs.report(*key, counts, progress=told["fraction"], text=told["text"])
            self._books.progress.pop(key, None)

    def _pass_on_stops(self) -> None:
        for wish in self._claims.stops(self._settings.node):
            key = (wish.run_id, wish.claim)
            hosted = self._books.hosted.get(key)
            if hosted is None or self._filler.drop(key):
                now_us = clock.now_us()
                end = settling.stopped_unstarted(key, wish.ended_by, wish.reason, now_us)
                self._books.run_ended(end)
            elif hosted.told is None or (wish.at_once and wish.ended_by is not hosted.told):
                message = _stop(key, wish.ended_by, wish.reason, at_once=wish.at_once)
                self._tell_stop(hosted, wish.ended_by, message)

    def _tell_stop(self, hosted: Hosted, ended_by: EndedBy, message: Message) -> None:
        """Pass a stop on; a runner that cannot hear it now is told when it answers again."""
        if self.fleet.send(hosted.runner, [message]):
            hosted.told = ended_by


def _stop(key: Key, ended_by: EndedBy, reason: str | None, *, at_once: bool = False) -> Message:
    run_id, claim = key
    stop = {"ended_by": str(ended_by), "reason": reason, "at_once": at_once}
    return {"op": "stop", "run": run_id, "claim": claim, **stop}
