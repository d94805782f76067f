"""Firing on each database: what is due gets its run, its entry and its next moment."""

from jobsched.clock import SECOND, from_us
from jobsched.events import Event
from jobsched.model import JobState, OccurrenceOutcome, Overlap, Policy
from jobsched.scheduling.cycle import GATHERING
from jobsched.storage import Store
from jobsched.triggers.fields import iso
from tests.support.firing import NOON, Scheduling


def test_a_due_job_gets_a_run_an_entry_and_its_next_moment(scheduling: Scheduling) -> None:
    job = scheduling.add(params={"x": 1}, policy=Policy(queue="night", priority=7))

    wait = scheduling.fire(10)

    [entry] = scheduling.ledger(job)
    run = scheduling.store.runs.get(entry.run_id or 0)
    assert run is not None
    assert (run.due_at, run.params, run.queue, run.priority) == (
        from_us(NOON + 10 * SECOND), {"x": 1}, "night", 7,
    )  # fmt: skip
    assert (run.name, run.task, run.state.value, run.attempt) == ("backup", "example", "queued", 1)
    assert entry.outcome is OccurrenceOutcome.RAN
    assert scheduling.job(job).next_run == from_us(NOON + 20 * SECOND)
    assert scheduling.job(job).version == job.version
    assert wait == 1.0
    assert scheduling.told == ["supervisor"]


def test_nothing_fires_before_its_time(scheduling: Scheduling) -> None:
    job = scheduling.add()

    wait = scheduling.fire(9.75)

    assert scheduling.runs(job) == []
    assert wait == 0.25


def test_many_due_at_once_fire_in_batches(store: Store) -> None:
    scheduling = Scheduling(store, batch=7)
    jobs = [scheduling.add() for _ in range(20)]
    scheduling.moment.go(10)

    waits = [scheduling.firer.fire() for _ in range(3)]

    assert waits == [0.005, 0.005, 1.0]
    assert [len(scheduling.runs(job)) for job in jobs] == [1] * 20
    scheduling.firer.leader.resign()


def test_a_trigger_without_rest_leaves_the_loop_some(scheduling: Scheduling) -> None:
    job = scheduling.add()
    restless = {"interval": {"seconds": 0.000001}, "start": iso(scheduling.moment.us)}
    scheduling.store.jobs.change(job.id, None, {"trigger": restless})

    assert scheduling.fire(10) == GATHERING
    assert scheduling.fire(GATHERING) == GATHERING


def test_an_overlap_is_skipped_written_down_and_told(
    scheduling: Scheduling, told: list[Event]
) -> None:
    job = scheduling.add()
    scheduling.fire(10)

    scheduling.fire(10)

    assert scheduling.outcomes(job) == [("ran", 1), ("skipped", 1)]
    assert scheduling.ledger(job)[1].reason == "overlap: 1 of its runs still waits or runs"
    [skip] = [event for event in told if event.name == "run skipped"]
    assert (skip.fields["job"], skip.fields["due"]) == (job.id, from_us(NOON + 20 * SECOND))
    scheduling.finish_runs(job)
    scheduling.fire(10)
    assert scheduling.outcomes(job)[-1] == ("ran", 1)


def test_queue_lets_one_run_wait(scheduling: Scheduling) -> None:
    job = scheduling.add(policy=Policy(overlap=Overlap.QUEUE))

    for _ in range(3):
        scheduling.fire(10)

    assert scheduling.outcomes(job) == [("ran", 1), ("ran", 1), ("skipped", 1)]
    assert scheduling.ledger(job)[2].reason == "overlap: another run waits already"


def test_replace_stops_the_oldest(scheduling: Scheduling) -> None:
    job = scheduling.add(policy=Policy(overlap=Overlap.REPLACE))

    for _ in range(3):
        scheduling.fire(10)

    assert scheduling.outcomes(job) == [("ran", 1)] * 3
    assert [state for _, _, state in scheduling.runs(job)] == ["done", "done", "queued"]


def test_so_many_instances_may_live_at_once(scheduling: Scheduling) -> None:
    job = scheduling.add(policy=Policy(max_instances=2))

    for _ in range(3):
        scheduling.fire(10)

    assert scheduling.outcomes(job) == [("ran", 1), ("ran", 1), ("skipped", 1)]


def test_a_finished_job_stays_in_the_list(scheduling: Scheduling, told: list[Event]) -> None:
    job = scheduling.add({"interval": {"seconds": 10}, "count": 2})
    scheduling.fire(10)
    scheduling.finish_runs(job)

    scheduling.fire(10)

    done = scheduling.job(job)
    assert (done.state, done.next_run) == (JobState.FINISHED, None)
    assert len(scheduling.runs(job)) == 2
    assert "job finished" in [event.name for event in told]


def test_a_trigger_that_cannot_be_read_blocks_its_job_alone(
    scheduling: Scheduling, told: list[Event]
) -> None:
    broken, sound = scheduling.add(), scheduling.add()
    scheduling.store.jobs.change(broken.id, None, {"trigger": {"moon": "full"}})

    scheduling.fire(10)

    job = scheduling.job(broken)
    assert (job.state, job.next_run) == (JobState.BLOCKED, None)
    assert "moon" in str(job.state_reason)
    assert "job blocked" in [event.name for event in told]
    assert len(scheduling.runs(sound)) == 1


def test_text_that_is_no_json_blocks_its_job_alone(scheduling: Scheduling) -> None:
    broken, sound = scheduling.add(), scheduling.add()
    with scheduling.store.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE jobs SET trigger = '[' WHERE key = {broken.key}")

    scheduling.fire(10)

    assert scheduling.job_state(broken) == "blocked"
    assert len(scheduling.runs(sound)) == 1


def test_jitter_delays_the_start_and_never_the_grid(scheduling: Scheduling) -> None:
    job = scheduling.add({"interval": {"seconds": 10}, "jitter": 5})

    for _ in range(3):
        scheduling.fire(10)
        scheduling.finish_runs(job)

    assert [due - NOON for _, due, _ in scheduling.runs(job)] == [
        10 * SECOND, 20 * SECOND, 30 * SECOND,
    ]  # fmt: skip
    run = scheduling.store.runs.get(scheduling.runs(job)[0][0])
    assert run is not None
    assert run.not_before is not None
    assert run.due_at is not None
    assert 0 <= (run.not_before - run.due_at).total_seconds() <= 5
