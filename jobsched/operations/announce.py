"""Telling the rest of the process what was done, and waking those who have to act on it."""

import logging
from collections.abc import Callable, Iterable, Mapping

from jobsched.events import Event, publish

Notify = Callable[[str], None]


class Announcer:
    """Publishes facts after their transaction; *notify* wakes the listeners of a topic."""

    def __init__(self, notify: Notify) -> None:
        self._notify = notify

    def job(self, what: str, job_id: str, by: str, **more: object) -> None:
        """Tell that a job was added, changed, deleted, paused or resumed."""
        publish(
            Event(name=f"job {what}", level=logging.INFO, fields={"job": job_id, "by": by} | more)
        )
        self._notify("scheduler")
        self._notify("web")

    def run(self, what: str, run_id: int, by: str, **more: object) -> None:
        """Tell that a run was asked for or is to stop; :meth:`supervisor` comes before."""
        publish(
            Event(name=f"run {what}", level=logging.INFO, fields={"run": run_id, "by": by} | more)
        )
        self._notify("web")

    def runs(self, what: str, by: str, runs: Iterable[Mapping[str, object]]) -> None:
        """Tell of many runs what :meth:`run` tells of one; each is its fields, with ``run``."""
        for fields in runs:
            told = {"run": fields["run"], "by": by, **fields}
            publish(Event(name=f"run {what}", level=logging.INFO, fields=told))
        self._notify("web")

    def supervisor(self) -> None:
        """Wake who starts and stops runs: first of all, for it is what somebody waits for."""
        self._notify("supervisor")

    def web(self) -> None:
        """Wake who waits for runs: their events have been told."""
        self._notify("web")

    def server(self, what: str, by: str, level: int = logging.INFO, **more: object) -> None:
        """Tell what concerns everything."""
        publish(Event(name=what, level=level, fields={"by": by} | more))
        for topic in ("scheduler", "supervisor", "web"):
            self._notify(topic)
