"""Which runs of triggered web jobs have ended on a machine of late."""

from jobsched.catalog import WEB_JOB
from jobsched.clock import SECOND
from jobsched.model import Job, Mode, WebJobType
from jobsched.storage import Store
from jobsched.storage.webjobs import Facts
from tests.support.rows import NOON, add_run, claim_all, new_job, settle

END = NOON + SECOND


def add(store: Store, kind: WebJobType) -> Job:
    facts = Facts(
        type=kind,
        name=kind.value,
        folder=f"/{kind.value}",
        script="run.sh",
        fingerprint="",
        inputs="{}",
        deployed_us=NOON,
    )
    job = new_job(name=kind.value, task=WEB_JOB, mode=Mode.TRIGGERED, trigger=None, next_us=None)
    return store.webjobs.add(job, facts)


def test_only_those_that_ended_there_since_are_named(store: Store) -> None:
    job = add(store, WebJobType.TRIGGERED)
    done, alive = add_run(store, job), add_run(store, add(store, WebJobType.CONTINUOUS))
    claim_all(store)
    settle(store, done)

    assert store.webjobs.ended("here", END) == [done.id]
    assert store.webjobs.ended("here", END + 1) == []
    assert store.webjobs.ended("there", NOON) == []

    settle(store, alive)
    assert store.webjobs.ended("here", END) == [done.id]
