"""The runners of this machine: as many as wanted, found again, replaced when they die."""

import logging
import selectors
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from jobsched import clock
from jobsched.events import Event, publish
from jobsched.execution import protocol
from jobsched.execution.backoff import Backoff
from jobsched.execution.protocol import Message
from jobsched.execution.supervisor import hosting
from jobsched.execution.supervisor.hosting import Connection, RunnerGone
from jobsched.execution.supervisor.pulse import Pulse

_ANSWER_WITHIN = 10.0  # seconds that a new runner has to open its socket


@dataclass(slots=True, kw_only=True)
class _Runner:
    """One living runner; *ready* once it has said what it hosts."""

    name: str
    process: "subprocess.Popen[bytes] | None" = None
    connection: Connection | None = None
    ready: bool = False
    proven: bool = False  # it has answered at some time
    retiring: bool = False
    since: float = field(default_factory=clock.monotonic)
    pulse: Pulse = field(default_factory=Pulse)


class Fleet:
    """The runners of *node* below *data_dir*; connections are registered with *selector*."""

    def __init__(
        self, data_dir: Path, node: str, wanted: int, selector: selectors.BaseSelector
    ) -> None:
        self._data_dir = data_dir
        self._node = node
        self._wanted = wanted
        self._selector = selector
        self._runners: dict[str, _Runner] = {}
        self._dead: list[str] = []
        self._backoff = Backoff()
        self._not_before = 0.0
        self._started = 0

    def find(self) -> None:
        """Look for runners that an earlier supervisor left: living ones join, dead ones count."""
        for name in hosting.known_runners(self._data_dir, self._node):
            if hosting.is_alive(self._data_dir, name):
                self._runners[name] = _Runner(name=name)
            else:
                self._dead.append(name)

    def ready(self) -> list[str]:
        """Return the runners that take new runs."""
        every = self._runners.values()
        return [r.name for r in every if r.ready and not r.retiring and not r.pulse.doubtful]

    def living(self) -> list[str]:
        """Return the names of all living runners."""
        return list(self._runners)

    @property
    def waiting(self) -> bool:
        """Whether a runner is about to answer or to be started: look again soon."""
        return self._short or any(not runner.ready for runner in self._runners.values())

    @property
    def _short(self) -> bool:
        staying = sum(not runner.retiring for runner in self._runners.values())
        return staying < self._wanted and clock.monotonic() >= self._not_before

    def keep_up(self) -> None:
        """Start what is missing, connect to what has come up, end what answers no more."""
        while self._short:
            self._start()
        for runner in list(self._runners.values()):
            if runner.connection is None:
                self._connect(runner)
            else:
                self._feel(runner)

    def send(self, name: str, messages: Iterable[Message]) -> bool:
        """Tell a runner, return whether it hears; if it is gone, :meth:`dead` will say so."""
        runner = self._runners.get(name)
        if runner is None or runner.connection is None:
            return False
        try:
            runner.connection.send(messages)
        except RunnerGone:
            self._lose(runner)
            return False
        self._listen(runner)
        return True

    def receive(self, name: str) -> Iterator[Message]:
        """Return what a runner has said since the last call."""
        runner = self._runners.get(name)
        if runner is None or runner.connection is None:
            return
        try:
            runner.connection.flush()
            messages = runner.connection.receive()
        except RunnerGone:
            self._lose(runner)
            return
        self._listen(runner)
        runner.pulse.heard()
        for message in messages:
            if message["op"] == "state":
                self._welcome(runner, message)
            yield message

    def dead(self) -> list[str]:
        """Return, once each, the runners whose lock is free: they will never say a word again."""
        for runner in list(self._runners.values()):
            if runner.connection is None and not self._may_come(runner):
                del self._runners[runner.name]
                self._tell_gone(runner)
                self._dead.append(runner.name)
                if not runner.proven:
                    self._wait_a_little()
        dead, self._dead = self._dead, []
        return dead

    def ask_all(self) -> None:
        """Ask every runner what it hosts; each answers with its ``state``."""
        for name in self.living():
            self.send(name, [{"op": "hello"}])

    def retire(self) -> None:
        """Ask all runners to leave as soon as they host nothing."""
        for runner in list(self._runners.values()):
            runner.retiring = True
            self.send(runner.name, [{"op": "retire"}])

    def close(self) -> None:
        """End the connections; the runners live on."""
        for runner in self._runners.values():
            if runner.connection is not None:
                self._selector.unregister(runner.connection)
                runner.connection.close()
            if runner.process is not None:
                runner.process.returncode = 0  # ours no longer: it outlives us on purpose

    def _feel(self, runner: _Runner) -> None:
        """Ask a silent runner for a sign of life; end one that gives none."""
        if runner.pulse.wants_asking():
            self.send(runner.name, [{"op": "ping"}])
        if runner.pulse.frozen:
            silent = round(runner.pulse.silence)
            if runner.pulse.end():
                fields: dict[str, object] = {"runner": runner.name, "seconds": silent}
                publish(Event(name="runner frozen", level=logging.ERROR, fields=fields))

    def _tell_gone(self, runner: _Runner) -> None:
        if not runner.retiring:
            words = hosting.last_words(self._data_dir, runner.name)
            fields: dict[str, object] = {"runner": runner.name, "reason": words or "killed"}
            publish(Event(name="runner died", level=logging.ERROR, fields=fields))

    def _start(self) -> None:
        self._started += 1
        name = hosting.new_name(self._started, self._node)
        try:
            process = hosting.start_runner(self._data_dir, name)
        except OSError:
            self._wait_a_little()  # a shortage of the machine
        else:
            self._runners[name] = _Runner(name=name, process=process)

    def _wait_a_little(self) -> None:
        self._not_before = clock.monotonic() + self._backoff.failed()

    def _connect(self, runner: _Runner) -> None:
        try:
            runner.connection = Connection(hosting.folder_of(self._data_dir, runner.name))
        except OSError:
            return
        runner.pulse.begin(runner.connection.peer())
        self._selector.register(runner.connection, selectors.EVENT_READ, runner.name)
        self.send(runner.name, [{"op": "hello"}])

    def _welcome(self, runner: _Runner, state: Message) -> None:
        runner.ready = runner.proven = True
        self._backoff.succeeded()
        if state.get("version") != protocol.VERSION:
            runner.retiring = True
            self.send(runner.name, [{"op": "retire"}])

    def _listen(self, runner: _Runner) -> None:
        """Wait for room to write only while something waits to be written."""
        if runner.connection is None:
            return
        events = selectors.EVENT_READ
        if runner.connection.blocked:
            events |= selectors.EVENT_WRITE
        if self._selector.get_key(runner.connection).events != events:
            self._selector.modify(runner.connection, events, runner.name)

    def _lose(self, runner: _Runner) -> None:
        if runner.connection is not None:
            self._selector.unregister(runner.connection)
            runner.connection.close()
        runner.connection = None
        runner.ready = False

    def _may_come(self, runner: _Runner) -> bool:
        """Return whether a runner without a connection lives, or is just starting."""
        if runner.process is not None and runner.process.poll() is not None:
            return False
        if hosting.is_alive(self._data_dir, runner.name):
            return True
        starting = runner.process is not None
        return starting and clock.monotonic() - runner.since < _ANSWER_WITHIN
