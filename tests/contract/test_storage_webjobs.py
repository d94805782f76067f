"""The rows of web jobs: written with those of their jobs, at the version that was read."""

import uuid
from typing import Any

import pytest

from jobsched.clock import from_us
from jobsched.errors import Conflict, StaleVersion, UnknownJob
from jobsched.model import JobState, Mode, OccurrenceOutcome, WebJobType
from jobsched.storage import Store
from jobsched.storage.newjobs import NewJob
from jobsched.storage.occurrences import NewOccurrence
from jobsched.storage.webjobs import Facts
from tests.support.rows import NOON, add_run, claim_all, new_job, settle


def new(**changes: Any) -> NewJob:
    return new_job(task="WebJob", mode=Mode.TRIGGERED, trigger=None, next_us=None, **changes)


def facts(**changes: Any) -> Facts:
    values: dict[str, Any] = {
        "type": WebJobType.TRIGGERED,
        "name": "Backup",
        "folder": "/site/jobs/triggered/Backup",
        "script": "run.sh",
        "fingerprint": "f1",
        "inputs": "{}",
        "deployed_us": NOON,
    }
    return Facts(**(values | changes))


def test_a_web_job_is_read_as_it_was_written(store: Store) -> None:
    settings = {"schedule": "x", "ünknown": [1, None]}
    job = store.webjobs.add(new(), facts(settings=settings, error="why", in_place=True))

    found = store.webjobs.get(job.id)

    assert found is not None
    assert (found.job_key, found.job_id, found.type) == (job.key, job.id, "triggered")
    assert (found.name, found.script, found.error) == ("Backup", "run.sh", "why")
    assert found.settings == settings
    assert (found.in_place, found.disabled) == (True, False)
    assert found.deployed_at == from_us(NOON)


def test_the_list_has_triggered_jobs_first_each_by_name(store: Store) -> None:
    for kind, name in (("continuous", "a"), ("triggered", "c"), ("triggered", "b")):
        store.webjobs.add(new(), facts(type=WebJobType(kind), name=name))

    assert [(each.type, each.name) for each in store.webjobs.all()] == [
        ("triggered", "b"),
        ("triggered", "c"),
        ("continuous", "a"),
    ]


def test_a_second_job_of_the_same_id_is_refused_and_changes_nothing(store: Store) -> None:
    job = store.webjobs.add(new(), facts())

    with pytest.raises(Conflict):
        store.webjobs.add(new(id=job.id), facts(name="other"))

    assert [each.name for each in store.webjobs.all()] == ["Backup"]


def test_job_folder_and_ledger_change_together(store: Store) -> None:
    job = store.webjobs.add(new(), facts())
    entry = NewOccurrence(due_us=NOON, outcome=OccurrenceOutcome.MISSED, count=3, last_us=NOON + 9)

    changed = store.webjobs.change(
        (job.id, job.version), facts(fingerprint="f2"), {"params": {"files": "f2"}}, [entry]
    )

    assert changed.version == job.version + 1
    assert changed.params == {"files": "f2"}
    assert store.webjobs.of_jobs([job.key])[job.key].fingerprint == "f2"
    (told,) = store.occurrences.list(job.key, 0, 2 * NOON, 10).values
    assert told.count == 3


def test_a_change_at_another_version_changes_nothing(store: Store) -> None:
    job = store.webjobs.add(new(), facts())
    store.jobs.change(job.id, job.version, {"description": "by somebody else"})

    with pytest.raises(StaleVersion):
        store.webjobs.change((job.id, job.version), facts(fingerprint="f2"), {"params": {}})
    assert not store.webjobs.note((job.id, job.version), facts(fingerprint="f2"))

    found = store.webjobs.get(job.id)
    assert found is not None
    assert found.fingerprint == "f1"


def test_facts_alone_leave_the_version_as_it_is(store: Store) -> None:
    job = store.webjobs.add(new(), facts())

    assert store.webjobs.note((job.id, job.version), facts(error="broken"))

    found, now = store.webjobs.get(job.id), store.jobs.get(job.id)
    assert found is not None
    assert now is not None
    assert (found.error, now.version) == ("broken", job.version)


def test_a_deleted_web_job_is_gone_and_its_history_stays(store: Store) -> None:
    job = store.webjobs.add(new(), facts())
    run = add_run(store, job)
    assert not store.webjobs.delete((job.id, job.version + 1))

    assert store.webjobs.delete((job.id, job.version))

    assert (store.webjobs.get(job.id), store.webjobs.all()) == (None, [])
    deleted = store.jobs.get(job.id, deleted=True)
    assert deleted is not None
    assert deleted.state is JobState.DELETED
    assert store.runs.get(run.id) is not None
    with pytest.raises(UnknownJob):
        store.webjobs.change((job.id, job.version), facts(), {})


def test_a_job_that_comes_back_has_its_number_and_a_new_folder(store: Store) -> None:
    uid = str(uuid.uuid4())
    job = store.webjobs.add(new(id=uid), facts())
    store.webjobs.delete((uid, job.version))

    back = store.webjobs.add(new(id=uid), facts(name="BACKUP"))

    assert (back.key, back.version) == (job.key, job.version + 2)
    assert [each.name for each in store.webjobs.all()] == ["BACKUP"]


def test_deleted_jobs_are_found_as_long_as_they_have_finished_runs(store: Store) -> None:
    kept, gone = (store.webjobs.add(new(), facts()) for _ in range(2))
    for job in (kept, gone):
        add_run(store, job)
    store.webjobs.delete((gone.id, gone.version))
    assert store.webjobs.deleted("WebJob") == []

    for claim in claim_all(store):
        settle(store, claim.run)

    assert store.webjobs.deleted("WebJob") == [gone.key]
