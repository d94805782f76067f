"""Continuous jobs in the database: one living run on a machine, whatever crashes."""

import threading
from dataclasses import replace

import pytest

from jobsched.clock import SECOND
from jobsched.errors import WrongMode
from jobsched.model import (
    ON_A_MACHINE,
    End,
    EndedBy,
    Job,
    JobState,
    Mode,
    OnLost,
    Policy,
    Retries,
    RunState,
    ServiceState,
)
from jobsched.storage import Store
from jobsched.storage.claims import Claim, Settled, Settlement
from jobsched.storage.searching import RunFilter
from jobsched.storage.services import Leave, Service, Wish, lease_of
from tests.support.rows import NOON, add_job, add_run, claim_all, reread


def add_service(store: Store, **changes: object) -> Job:
    values = {"mode": Mode.CONTINUOUS, "trigger": None, "next_us": None, **changes}
    return add_job(store, **values)


def wish(job: Job, node: str = "here", **changes: object) -> Wish:
    values = {"job_key": job.key, "node": node, "runner": "r1", "boot_id": "boot", **changes}
    return Wish(**values)  # type: ignore[arg-type]


def begin(store: Store, job: Job, node: str = "here", **changes: object) -> Claim | None:
    made = store.services.begin([wish(job, node, **changes)], NOON)
    return made[0] if made else None


def end_of(claim: Claim, **facts: object) -> Settlement:
    values = {"ended_by": EndedBy.EXIT, "exit_code": 1, "ended_us": NOON + SECOND, **facts}
    return Settlement(end=End(run_id=claim.run.id, claim=claim.run.claim, **values))  # type: ignore[arg-type]


def leave(claim: Claim, state: ServiceState, **more: object) -> Leave:
    key = claim.run.job_key
    assert key is not None
    return Leave(job_key=key, node="here", run_id=claim.run.id, state=state, **more)  # type: ignore[arg-type]


def settle(
    store: Store, ends: list[Settlement], leaves: list[Leave], now_us: int
) -> tuple[list[Settled], list[Claim]]:
    """Settle *ends*; return them and the runs that have followed at once."""
    begun: list[Claim] = []
    settled = store.services.settle(ends, leaves, now_us, lambda _, claims: begun.extend(claims))
    return settled, begun


def service(store: Store, job: Job, node: str = "here") -> Service:
    [found] = [one for one in store.services.of_jobs([job.key])[job.key] if one.node == node]
    return found


def test_a_service_gets_a_run_that_is_claimed_already(store: Store) -> None:
    job = add_service(store, params={"a": 1})

    claim = begin(store, job)

    assert claim is not None
    run = reread(store, claim.run)
    assert run == claim.run
    assert (run.state, run.claim, run.node) == (RunState.STARTING, 1, "here")
    assert (run.job_id, run.params, run.task) == (job.id, {"a": 1}, job.task)
    found = service(store, job)
    assert (found.state, found.run_id) == (ServiceState.STARTING, run.id)
    assert found.version == job.version


def test_a_run_of_a_service_has_no_limit_and_no_retries_of_its_own(store: Store) -> None:
    policy = Policy(retries=Retries(max=3), on_lost=OnLost.RETRY, history=5, singleton=False)
    claim = begin(store, add_service(store, policy=policy))

    assert claim is not None
    assert claim.run.policy == Policy(timeout=0.0, idle_timeout=0.0)


def test_there_is_one_living_run_on_a_machine(store: Store) -> None:
    job = add_service(store)

    first, second = begin(store, job), begin(store, job)
    elsewhere = begin(store, job, "there")

    assert first is not None
    assert second is None
    assert elsewhere is not None
    assert len(store.runs.of_job(job.key, *RunState)) == 2


def test_of_many_that_begin_at_the_same_time_one_does(store: Store) -> None:
    job = add_service(store)
    made: list[Claim | None] = []
    threads = [threading.Thread(target=lambda: made.append(begin(store, job))) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len([claim for claim in made if claim is not None]) == 1
    assert len(store.runs.of_job(job.key, *RunState)) == 1


@pytest.mark.parametrize(
    "changes", [{"state": JobState.PAUSED}, {"mode": Mode.TRIGGERED}], ids=["paused", "other mode"]
)
def test_what_shall_not_run_does_not_begin(store: Store, changes: dict[str, object]) -> None:
    job = add_service(store, **changes)

    assert begin(store, job) is None
    assert store.runs.of_job(job.key, *RunState) == []


def test_an_end_and_what_follows_are_one_step(store: Store) -> None:
    job = add_service(store)
    first = begin(store, job)
    assert first is not None
    again = leave(first, ServiceState.WAITING, next_try_us=NOON, exits=2, again=wish(job, exits=2))

    settled, begun = settle(store, [end_of(first)], [again], NOON + SECOND)

    assert [one.run.id for one in settled] == [first.run.id]
    assert [claim.run.state for claim in begun] == [RunState.STARTING]
    assert reread(store, first.run).state is RunState.DONE
    found = service(store, job)
    assert (found.state, found.run_id, found.exits) == (
        ServiceState.STARTING,
        begun[0].run.id,
        2,
    )


def test_an_end_that_was_settled_before_starts_nothing(store: Store) -> None:
    job = add_service(store)
    first = begin(store, job)
    assert first is not None
    again = leave(first, ServiceState.WAITING, next_try_us=NOON, again=wish(job))
    settle(store, [end_of(first)], [again], NOON)

    settled, begun = settle(store, [end_of(first)], [again], NOON)

    assert (settled, begun) == ([], [])
    assert len(store.runs.of_job(job.key, *ON_A_MACHINE)) == 1


def test_one_that_was_stopped_meanwhile_does_not_start_again(store: Store) -> None:
    job = add_service(store)
    first = begin(store, job)
    assert first is not None
    store.jobs.change(job.id, None, {"state": JobState.PAUSED})
    again = leave(first, ServiceState.WAITING, next_try_us=NOON, again=wish(job))

    _, begun = settle(store, [end_of(first)], [again], NOON)

    assert begun == []
    assert service(store, job).run_id is None
    assert store.services.differences("here", NOON) == ([], [job.key])


def test_differences_are_what_is_to_be_done(store: Store) -> None:
    new, running, paused = (add_service(store, name=name) for name in ("new", "run", "pause"))
    add_job(store)
    for job in (running, paused):
        claim = begin(store, job)
        assert claim is not None
        store.services.started("here", [(job.key, claim.run.id, NOON)])
    store.jobs.change(paused.id, None, {"state": JobState.PAUSED})

    wanted, unwanted = store.services.differences("here", NOON)

    assert [job.id for job in wanted] == [new.id]
    assert unwanted == [paused.key]
    assert service(store, running).state is ServiceState.RUNNING


def test_what_waits_is_wanted_when_it_is_due(store: Store) -> None:
    job = add_service(store)
    first = begin(store, job)
    assert first is not None
    waiting = leave(first, ServiceState.WAITING, next_try_us=NOON + 10)
    settle(store, [end_of(first)], [waiting], NOON)

    assert store.services.differences("here", NOON + 9) == ([], [])
    assert [one.id for one in store.services.differences("here", NOON + 10)[0]] == [job.id]


def test_a_changed_job_is_looked_at_once(store: Store) -> None:
    job = add_service(store)
    begin(store, job)
    changed = store.jobs.change(job.id, None, {"params": {"a": 2}})

    assert store.services.differences("here", NOON)[0] == [changed]
    store.services.put([replace(service(store, job), version=changed.version)], NOON)

    assert store.services.differences("here", NOON) == ([], [])


def test_a_deleted_job_is_stopped_and_then_forgotten(store: Store) -> None:
    job = add_service(store)
    claim = begin(store, job)
    assert claim is not None
    store.jobs.delete(job.id)

    assert store.services.differences("here", NOON) == ([], [job.key])
    store.services.forget("here", job.key)  # not while it has a run
    settle(store, [end_of(claim)], [leave(claim, ServiceState.STOPPED)], NOON)
    assert store.services.differences("here", NOON) == ([], [job.key])
    store.services.forget("here", job.key)

    assert store.services.differences("here", NOON) == ([], [])
    assert store.services.of_node("here") == []


def test_web_jobs_are_not_wanted_while_they_are_stopped(store: Store) -> None:
    webjob, other = add_service(store, task="WebJob"), add_service(store, task="other")
    begin(store, webjob)

    wanted, unwanted = store.services.differences("here", NOON, webjobs_stopped=True)

    assert [job.id for job in wanted] == [other.id]
    assert unwanted == [webjob.key]


def test_a_stop_asks_the_run_and_says_so(store: Store) -> None:
    job = add_service(store)
    claim = begin(store, job)
    assert claim is not None
    stopping = replace(service(store, job), state=ServiceState.STOPPING)

    store.services.stop(stopping, EndedBy.STOP, "not wanted", NOON)

    assert [(one.run_id, one.reason) for one in store.claims.stops("here")] == [
        (claim.run.id, "not wanted")
    ]
    assert service(store, job).state is ServiceState.STOPPING


def test_a_run_that_no_runner_could_start_is_claimed_again(store: Store) -> None:
    job = add_service(store)
    first = begin(store, job)
    assert first is not None

    again = store.services.again(service(store, job), "r2", "boot")

    assert again is not None
    assert (again.run.id, again.run.claim, again.runner) == (first.run.id, 2, "r2")
    store.services.stop(service(store, job), EndedBy.STOP, "not wanted", NOON)
    assert store.services.again(service(store, job), "r2", "boot") is None


def test_a_singleton_begins_only_under_a_right_that_is_still_held(store: Store) -> None:
    job = add_service(store, policy=Policy(singleton=True))
    name = lease_of(job.key)

    assert begin(store, job) is None
    epoch = store.leases.take(name, "here", 15, NOON)
    assert begin(store, job, epoch=epoch + 1 if epoch else None) is None
    assert store.leases.take(name, "there", 15, NOON + 60 * SECOND) is not None
    assert begin(store, job, epoch=epoch) is None
    later = store.leases.take(name, "here", 15, NOON + 120 * SECOND)

    assert begin(store, job, epoch=later) is not None


def test_rights_are_renewed_together_and_lost_ones_are_told(store: Store) -> None:
    keys = [1, 2]
    epochs = {key: store.leases.take(lease_of(key), "here", 15, NOON) or 0 for key in keys}
    store.leases.take(lease_of(2), "there", 15, NOON + 60 * SECOND)

    held = store.services.renew("here", epochs, 15, NOON + 61 * SECOND)

    assert held == {1}
    lease = store.leases.read(lease_of(1))
    assert lease is not None
    assert lease.expires_us == NOON + 76 * SECOND


def test_an_inactive_singleton_is_looked_at_when_the_right_is_free(store: Store) -> None:
    job = add_service(store, policy=Policy(singleton=True))
    inactive = Service(
        job_key=job.key, node="here", state=ServiceState.INACTIVE, version=job.version
    )
    store.services.put([inactive], NOON)
    store.leases.take(lease_of(job.key), "there", 15, NOON)

    assert store.services.differences("here", NOON) == ([], [])
    assert store.services.differences("here", NOON + 16 * SECOND)[0] == [job]


def test_runs_of_services_are_not_retried(store: Store) -> None:
    job = add_service(store)
    claim = begin(store, job)
    assert claim is not None
    settle(store, [end_of(claim)], [leave(claim, ServiceState.STOPPED)], NOON)

    with pytest.raises(WrongMode):
        store.runs.retry(claim.run.id)
    assert store.runs.count(RunFilter(open=True)) == 0


def test_services_take_no_place_of_the_queue(store: Store) -> None:
    begin(store, add_service(store))
    waiting = add_run(store)

    assert [claim.run.id for claim in claim_all(store)] == [waiting.id]


def test_states_are_counted_over_all_machines(store: Store) -> None:
    job, gone = add_service(store), add_service(store)
    for node in ("here", "there"):
        begin(store, job, node)
    begin(store, gone)
    store.jobs.delete(gone.id)

    assert store.services.states() == {ServiceState.STARTING: 2}


def test_what_a_machine_left_that_is_gone_is_forgotten(store: Store) -> None:
    job = add_service(store)
    stopped = Service(job_key=job.key, node="here")
    store.services.put(
        [stopped, replace(stopped, node="there"), replace(stopped, node="gone")], NOON
    )
    beat = {"boot_id": "b", "capacity": 1, "started_us": NOON, "facts": {}}
    store.nodes.beat(name="there", now_us=NOON, **beat)  # type: ignore[arg-type]
    store.nodes.beat(name="gone", now_us=NOON - SECOND, **beat)  # type: ignore[arg-type]
    begin(store, job, "lost")

    store.services.tidy("here", NOON)

    nodes = [service.node for service in store.services.of_jobs([job.key])[job.key]]
    assert nodes == ["here", "lost", "there"]


def test_a_service_whose_run_is_over_rests_before_a_supervisor_begins(store: Store) -> None:
    over, alive, elsewhere = (add_service(store) for _ in range(3))
    claim = begin(store, over)
    assert claim is not None
    begin(store, alive)
    begin(store, elsewhere, "there")
    store.claims.settle([end_of(claim)], NOON)  # as if nobody knew that it is a service's

    store.services.tidy("here", 0)

    assert (service(store, over).state, service(store, over).run_id) == (ServiceState.STOPPED, None)
    assert service(store, alive).state is ServiceState.STARTING
    assert service(store, elsewhere, "there").state is ServiceState.STARTING
    wanted, _ = store.services.differences("here", NOON)
    assert {job.id for job in wanted} == {over.id, elsewhere.id}
