"""Which living processes belong to which run of this runner.

The runner is a subreaper: whatever a run starts stays below the runner, by whichever forks and
sessions it went. A process belongs to the run whose main process is above it; an adopted orphan
to the run of its session, else of the cookie in its environment; one that shed both to the only
run that was alive when it was born. Standard library only: the runner imports this.
"""

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from jobsched.execution import processes
from jobsched.execution.processes import Process
from jobsched.execution.runner.children import Children
from jobsched.execution.runner.hosted import ENDED, Hosted


class Family:
    """Tells the processes of runs apart."""

    def __init__(self, children: Children) -> None:
        self._children = children
        self._seen: processes.Tree | None = None
        self._seen_at = 0.0
        self._sharing = False
        self._shared: processes.Tree | None = None
        self._spared: set[str] = set()  # cookies of ended runs that may leave processes behind

    def spare(self, run: Hosted) -> None:
        """Let live what a detached run has left."""
        self._spared.add(run.request.cookie)

    @contextmanager
    def one_look(self) -> Iterator[None]:
        """Let all that is asked meanwhile be answered by one look at the machine.

        For many runs that end at the same moment: looking costs more the more processes there are.
        """
        self._sharing = True
        try:
            yield
        finally:
            self._sharing, self._shared = False, None

    def of(self, wanted: Collection[Hosted], runs: Iterable[Hosted]) -> list[Process]:
        """Return every living process of the *wanted* runs; *runs* are all that are hosted."""
        return self._of(wanted, runs, self._tree())

    def _tree(self) -> processes.Tree:
        if not self._sharing:
            return processes.Tree()
        if self._shared is None:
            self._shared = processes.Tree()
        return self._shared

    def ticks(self, run: Hosted, runs: Iterable[Hosted], now: float, age: float) -> int:
        """Return the CPU time of *run*'s processes as seen at most *age* seconds ago."""
        if self._seen is None or now - self._seen_at > age:
            self._seen, self._seen_at = processes.Tree(), now
        return sum(one.cpu for one in self._of([run], runs, self._seen))

    def _of(
        self, wanted: Collection[Hosted], runs: Iterable[Hosted], tree: processes.Tree
    ) -> list[Process]:
        living = [one for one in runs if one.state != ENDED]
        mains = {one.pid for one in wanted}
        members: list[Process] = []
        for top in tree.children(os.getpid()):
            if top.pid in self._children:
                if top.pid in mains:
                    members += tree.branch(top)
            else:
                branch = tree.branch(top)
                if self._owner(top, branch, living) in wanted:
                    members += branch
        return [one for one in members if not one.gone]

    def _owner(self, top: Process, branch: list[Process], living: list[Hosted]) -> Hosted | None:
        sessions = {one.session for one in branch}
        cookies = {processes.cookie_of(one.pid) for one in branch} - {None}
        for one in living:
            if (one.pid and one.pid in sessions) or one.request.cookie in cookies:
                return one
        if cookies & self._spared:
            self._children.accept(top.pid)
            return None
        return _only_one([one for one in living if one.start_time <= top.start_time])


def _only_one(candidates: list[Hosted]) -> Hosted | None:
    return candidates[0] if len(candidates) == 1 else None
