"""The metrics of Prometheus, read from the rows at the moment they are asked for.

Nothing is counted in memory: every web process tells the same, and a restart loses nothing. What
would need all of history is told of the newest 1,000 runs.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

import jobsched
from jobsched import clock
from jobsched.model import JobState, Outcome, RunState, ServiceState
from jobsched.storage import Store
from jobsched.storage.figures import newest_runs
from jobsched.storage.firing import LEASE

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
NEWEST = 1000
QUANTILES = (0.5, 0.95, 0.99, 1.0)


def text(store: Store) -> bytes:
    """Return all metrics in Prometheus' text format.

    Raises: DatabaseBusy, Unavailable.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Rows(store))
    return generate_latest(registry)


class _Rows(Collector):
    """Turns rows into metrics, anew for every request."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def describe(self) -> Sequence[Metric]:
        """Tell nothing beforehand, so that registering asks no database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        yield InfoMetricFamily("jobsched_build", "This program.", {"version": jobsched.__version__})
        yield from self._jobs()
        yield from self._queue()
        yield from self._services()
        yield from self._newest()
        yield from self._leader()
        yield from self._nodes()

    def _jobs(self) -> Iterator[Metric]:
        counts = self._store.jobs.counts()
        values = {state.value: counts.get(state, 0) for state in JobState}
        yield _by("jobsched_jobs", "Jobs by state.", "state", values)

    def _queue(self) -> Iterator[Metric]:
        figures = self._store.runs.figures()
        alive = [state for state in RunState if state is not RunState.DONE]
        values = {state.value: figures.by_state.get(state, 0) for state in alive}
        yield _by("jobsched_runs", "Runs that are not done, by state.", "state", values)
        depths = {"default": 0} | figures.by_queue
        yield _by("jobsched_queue_depth", "Runs that wait, by queue.", "queue", depths)
        age = 0.0 if figures.oldest_us is None else _age(figures.oldest_us)
        yield _one("jobsched_queue_oldest_age_seconds", "Age of the oldest waiting run.", age)

    def _services(self) -> Iterator[Metric]:
        counts = self._store.services.states()
        values = {state.value: counts[state] for state in ServiceState}
        about = "Continuous jobs by state, once for each machine."
        yield _by("jobsched_services", about, "state", values)

    def _newest(self) -> Iterator[Metric]:
        newest = newest_runs(self._store.database, NEWEST)
        values = {each.value: newest.outcomes.get(each, 0) for each in Outcome}
        about = f"Finished runs among the newest {NEWEST}, by outcome."
        yield _by("jobsched_newest_runs", about, "outcome", values)
        about = f"From a planned moment to its run, among the newest {NEWEST}."
        yield _quantiles("jobsched_firing_lateness_seconds", about, newest.fired_late)
        about = f"From a planned moment to its process, among the newest {NEWEST}."
        yield _quantiles("jobsched_start_lateness_seconds", about, newest.started_late)

    def _leader(self) -> Iterator[Metric]:
        lease = self._store.leases.read(LEASE)
        present = lease is not None and lease.expires_us > clock.now_us()
        epoch = 0 if lease is None else lease.epoch
        yield _one("jobsched_leader_epoch", "How often the lead was taken.", epoch)
        yield _one("jobsched_leader_present", "1 while a scheduler leads.", int(present))

    def _nodes(self) -> Iterator[Metric]:
        nodes = self._store.nodes.list()
        ages = {node.name: _age(clock.to_us(node.heartbeat_at)) for node in nodes}
        about = "Seconds since a machine was heard of."
        yield _by("jobsched_node_heartbeat_age_seconds", about, "node", ages)
        capacities = {node.name: node.capacity for node in nodes}
        yield _by("jobsched_node_capacity", "Runs a machine takes at once.", "node", capacities)


def _age(moment_us: int) -> float:
    return max(0, clock.now_us() - moment_us) / clock.SECOND


def _one(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


def _by(name: str, about: str, label: str, values: dict[str, Any]) -> Metric:
    metric = GaugeMetricFamily(name, about, labels=[label])
    for key, value in values.items():
        metric.add_metric([key], value)
    return metric


def _quantiles(name: str, about: str, ascending: Sequence[float]) -> Metric:
    """Return the *ascending* values at QUANTILES; no samples while there are none."""
    last = len(ascending) - 1
    values = {str(at): ascending[round(at * last)] for at in QUANTILES} if ascending else {}
    return _by(name, about, "quantile", values)
