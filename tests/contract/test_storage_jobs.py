"""Jobs: added, listed, changed with their version, deleted and revived."""

import pytest

from jobsched.clock import SECOND, from_us
from jobsched.errors import Conflict, InvalidInput, KeyReused, StaleVersion, UnknownJob
from jobsched.model import CatchUp, JobState, Misfire, Mode, OccurrenceOutcome, Policy
from jobsched.storage import Store
from jobsched.storage.idempotency import IdempotencyKey
from jobsched.storage.occurrences import NewOccurrence
from jobsched.storage.searching import JobFilter
from tests.support.rows import NOON, add_job, new_job

EVERYTHING = JobFilter()


def test_a_job_is_read_as_it_was_added(store: Store) -> None:
    policy = Policy(timeout=5.0, misfire=Misfire(grace=None, catch_up=CatchUp.ALL))
    job = add_job(
        store,
        params={"name": "Jürgen"},
        tags=("a", "b"),
        group="nightly",
        policy=policy,
        state=JobState.PAUSED,
        state_reason="maintenance",
        paused_us=NOON,
        paused_until_us=NOON + SECOND,
    )

    found = store.jobs.get(job.id)

    assert found == job
    assert found.policy == policy
    assert found.paused_from == from_us(NOON)


def test_a_job_that_is_not_there_is_none(store: Store) -> None:
    assert store.jobs.get("00000000-0000-0000-0000-000000000000") is None


def test_an_id_in_use_is_refused(store: Store) -> None:
    job = add_job(store)

    with pytest.raises(Conflict):
        add_job(store, id=job.id)


def test_a_deleted_job_leaves_the_list_but_can_still_be_read(store: Store) -> None:
    job = add_job(store)

    assert store.jobs.delete(job.id)

    assert not store.jobs.delete(job.id)
    assert store.jobs.get(job.id) is None
    assert store.jobs.list(EVERYTHING, 10).values == []
    deleted = store.jobs.get(job.id, deleted=True)
    assert deleted is not None
    assert (deleted.state, deleted.next_run) == (JobState.DELETED, None)


def test_a_job_is_deleted_at_the_version_that_is_named_only(store: Store) -> None:
    job = add_job(store)
    changed = store.jobs.change(job.id, None, {"name": "new"})

    assert not store.jobs.delete(job.id, job.version)
    assert store.jobs.get(job.id) == changed
    assert store.jobs.delete(job.id, changed.version)


def test_a_deleted_id_comes_back_with_its_key_and_a_newer_version(store: Store) -> None:
    job = add_job(store)
    store.jobs.delete(job.id)

    again = add_job(store, id=job.id, name="another")

    assert (again.key, again.version) == (job.key, job.version + 2)
    assert store.jobs.get(job.id) == again


def test_a_change_gives_the_next_version(store: Store) -> None:
    job = add_job(store)

    changed = store.jobs.change(
        job.id,
        job.version,
        {"name": "new", "policy": Policy(max_instances=3), "mode": Mode.TRIGGERED, "next_us": None},
    )

    assert (changed.name, changed.mode, changed.version) == ("new", Mode.TRIGGERED, 2)
    assert (changed.policy.max_instances, changed.next_run) == (3, None)
    assert store.jobs.get(job.id) == changed


@pytest.mark.parametrize(
    "changes",
    [
        {"trigger": {"at": "2030-01-01T00:00:00Z"}},
        {"trigger": None},
        {"params": {"a": [1, None]}},
        {"tags": ("x", "y")},
        {"tags": ()},
        {"group": "nightly"},
        {"state": JobState.BLOCKED, "state_reason": "no such task"},
        {"description": "what for", "task": "other"},
    ],
)
def test_every_field_can_be_changed(store: Store, changes: dict[str, object]) -> None:
    job = add_job(store, group="weekly", tags=("z",))

    changed = store.jobs.change(job.id, job.version, changes)

    assert {name: getattr(changed, name) for name in changes} == changes
    assert store.jobs.get(job.id) == changed


def test_a_change_of_an_old_version_is_refused_and_changes_nothing(store: Store) -> None:
    job = add_job(store)
    store.jobs.change(job.id, None, {"name": "first"})

    with pytest.raises(StaleVersion):
        store.jobs.change(job.id, job.version, {"name": "second"})

    found = store.jobs.get(job.id)
    assert found is not None
    assert found.name == "first"


def test_a_deleted_job_cannot_be_changed(store: Store) -> None:
    job = add_job(store)
    store.jobs.delete(job.id)

    with pytest.raises(UnknownJob):
        store.jobs.change(job.id, None, {"name": "new"})


def test_a_change_enters_the_ledger_in_the_same_transaction(store: Store) -> None:
    job = add_job(store)
    entry = NewOccurrence(
        due_us=NOON, outcome=OccurrenceOutcome.SKIPPED, reason="paused", last_us=NOON + 5, count=6
    )

    store.jobs.change(job.id, None, {"state": JobState.ACTIVE}, [entry])

    [found] = store.occurrences.list(job.key, 0, NOON + 1, 10).values
    assert (found.count, found.reason, found.outcome) == (6, "paused", OccurrenceOutcome.SKIPPED)


def test_a_field_that_no_job_has_is_a_mistake(store: Store) -> None:
    job = add_job(store)

    with pytest.raises(KeyError, match="nome"):
        store.jobs.change(job.id, None, {"nome": "x"})


def test_a_list_is_read_page_by_page_in_the_order_of_creation(store: Store) -> None:
    added = [add_job(store, name=f"job {number}").id for number in range(5)]

    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor is not None:
        page = store.jobs.list(EVERYTHING, 2, cursor)
        seen += [job.id for job in page.values]
        cursor, pages = page.next, pages + 1

    assert (seen, pages) == (added, 3)


def test_a_full_last_page_has_no_next(store: Store) -> None:
    add_job(store)
    add_job(store)

    assert store.jobs.list(EVERYTHING, 2).next is None


@pytest.mark.parametrize(
    "cursor", ["", "x", "AAAA", "MTI=", "9" * 500, "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA"]
)
def test_a_cursor_that_we_did_not_give_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        store.jobs.list(EVERYTHING, 2, cursor)


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (JobFilter(name="Äpfel 10%"), ["Äpfel 10%"]),
        (JobFilter(q="äPF"), ["Äpfel 10%"]),
        (JobFilter(q="BACK"), ["backup_1"]),
        (JobFilter(q="0%"), ["Äpfel 10%"]),
        (JobFilter(q="p_1"), ["backup_1"]),
        (JobFilter(task="clean"), ["backup_1"]),
        (JobFilter(group="night"), ["backup_1"]),
        (JobFilter(mode=Mode.TRIGGERED), ["Äpfel 10%"]),
        (JobFilter(state=JobState.PAUSED), ["Äpfel 10%"]),
        (JobFilter(state=JobState.DELETED), []),
        (JobFilter(q="p", state=JobState.PAUSED), ["Äpfel 10%"]),
    ],
)
def test_filters_narrow_the_list(store: Store, filters: JobFilter, names: list[str]) -> None:
    add_job(store, name="backup_1", task="clean", group="night")
    add_job(store, name="Äpfel 10%", mode=Mode.TRIGGERED, state=JobState.PAUSED)
    store.jobs.delete(add_job(store, name="backup_1 10% äpfel").id)

    found = store.jobs.list(filters, 10).values

    assert [job.name for job in found] == names


def test_jobs_are_counted_by_state(store: Store) -> None:
    add_job(store)
    add_job(store, state=JobState.PAUSED)
    add_job(store, state=JobState.PAUSED)

    assert store.jobs.counts() == {JobState.ACTIVE: 1, JobState.PAUSED: 2}


def test_jobs_are_found_by_their_keys(store: Store) -> None:
    one, two = add_job(store), add_job(store)

    assert store.jobs.by_keys([one.key, two.key, 99]) == {one.key: one, two.key: two}


def test_the_same_idempotency_key_makes_one_job(store: Store) -> None:
    key = IdempotencyKey(scope="POST /jobs", key="k1", body_digest="a" * 64)
    first = store.jobs.add(new_job(), key)

    second = store.jobs.add(new_job(), key)

    assert second == first
    assert len(store.jobs.list(EVERYTHING, 10).values) == 1


def test_an_idempotency_key_with_another_body_is_refused(store: Store) -> None:
    store.jobs.add(new_job(), IdempotencyKey(scope="s", key="k1", body_digest="a" * 64))

    with pytest.raises(KeyReused):
        store.jobs.add(new_job(), IdempotencyKey(scope="s", key="k1", body_digest="b" * 64))


def test_a_refused_job_does_not_use_up_its_idempotency_key(store: Store) -> None:
    job = add_job(store)
    key = IdempotencyKey(scope="s", key="k1", body_digest="a" * 64)

    with pytest.raises(Conflict):
        store.jobs.add(new_job(id=job.id), key)

    assert store.jobs.add(new_job(), key).id != job.id
