"""Web hooks: what happens is noted in the transaction in which it happens, and told once."""

from datetime import timedelta
from typing import Any

import pytest

from jobsched import clock
from jobsched.clock import SECOND, from_us
from jobsched.errors import Conflict, HookExists
from jobsched.model import End, EndedBy, Misfire, Mode, Policy, ServiceState
from jobsched.storage import Store, deliveries
from jobsched.storage import hooks as hook_rows
from jobsched.storage.deliveries import Attempt, Delivery
from jobsched.storage.happenings import EVENTS
from jobsched.storage.hooks import Hook, NewHook
from jobsched.storage.services import Leave, Wish
from jobsched.storage.settling import Settlement
from tests.support.firing import Scheduling
from tests.support.rows import NOON, add_job, add_run, claim_all, settle

GOOD = Attempt(at_us=NOON, status=200, reason="OK", seconds=0.1)
BAD = Attempt(at_us=NOON, status=None, reason="Connection refused", seconds=0.2)


def add_hook(store: Store, *events: str, **more: Any) -> Hook:
    number = len(store.hooks.list())
    values = {"url": f"https://example.com/{number}", "events": events or EVENTS}
    return store.hooks.add(NewHook(base_url="http://here", **(values | more)))


def told(store: Store, hook: Hook) -> list[tuple[str, int | None]]:
    """Return the events of a hook and their runs, oldest first."""
    return [(each.event, each.run_id) for each in store.deliveries.of_hook(hook.id, 1000)][::-1]


def one(store: Store, hook: Hook) -> Delivery:
    [found] = store.deliveries.of_hook(hook.id, 10)
    return found


def ended(store: Store, *, mode: Mode = Mode.TRIGGERED, task: str = "WebJob", **facts: Any) -> int:
    """Let a run of a new job end; return its id."""
    job = add_job(store, mode=mode, task=task, trigger=None, next_us=None)
    run = add_run(store, job)
    claim_all(store)
    settle(store, run, **facts)
    return run.id


def test_a_hook_is_kept_as_it_was_added(store: Store) -> None:
    hook = add_hook(
        store, "RunFailed", login="u:p", insecure_ssl=True, only_failures=True, url="https://a/b"
    )

    assert store.hooks.list() == [hook]
    assert store.hooks.get(hook.id) == hook
    assert (hook.url, hook.login, hook.events) == ("https://a/b", "u:p", ("RunFailed",))
    assert hook.insecure_ssl
    assert hook.only_failures
    assert hook.last_at is None
    assert store.hooks.get("other") is None


def test_an_address_has_one_hook(store: Store) -> None:
    hook = add_hook(store, url="https://a/")

    with pytest.raises(HookExists) as caught:
        add_hook(store, url="https://a/")

    assert caught.value.facts == {"hook": hook.id}
    assert store.hooks.list() == [hook]


def test_there_are_not_too_many_hooks(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook_rows, "MOST", 2)
    add_hook(store)
    add_hook(store)

    with pytest.raises(Conflict, match="There are 2 web hooks"):
        add_hook(store)


def test_a_hook_goes_with_all_that_it_was_to_be_told(store: Store) -> None:
    hook = add_hook(store)
    ended(store)

    assert store.hooks.delete(hook.id)
    assert not store.hooks.delete(hook.id)

    assert store.deliveries.due(clock.now_us()) == []
    assert store.deliveries.of_hook(hook.id, 10) == []


@pytest.mark.parametrize(
    ("facts", "events"),
    [
        ({}, ["TriggeredJobFinished"]),
        ({"exit_code": 3}, ["TriggeredJobFinished", "RunFailed"]),
        ({"ended_by": EndedBy.IDLE, "exit_code": None}, ["TriggeredJobFinished", "RunFailed"]),
        (
            {"ended_by": EndedBy.NOT_STARTED, "exit_code": None},
            ["TriggeredJobFinished", "RunFailed"],
        ),
        ({"ended_by": EndedBy.STOP, "exit_code": None}, ["TriggeredJobFinished", "RunAborted"]),
        ({"task": "runscript"}, []),
        ({"task": "runscript", "exit_code": 3}, ["RunFailed"]),
        ({"mode": Mode.CONTINUOUS, "exit_code": 3}, []),
    ],
)
def test_the_end_of_a_run_is_told(store: Store, facts: dict[str, Any], events: list[str]) -> None:
    hook = add_hook(store)

    run_id = ended(store, **facts)

    assert told(store, hook) == [(event, run_id) for event in events]


def test_a_hook_is_told_what_it_asked_for(store: Store) -> None:
    finished = add_hook(store, "TriggeredJobFinished")
    failures = add_hook(store, "TriggeredJobFinished", only_failures=True)
    aborted = add_hook(store, "RunAborted")

    good, bad = ended(store), ended(store, exit_code=1)

    assert told(store, finished) == [
        ("TriggeredJobFinished", good),
        ("TriggeredJobFinished", bad),
    ]
    assert told(store, failures) == [("TriggeredJobFinished", bad)]
    assert told(store, aborted) == []


def test_an_end_that_is_settled_twice_is_told_once(store: Store) -> None:
    hook = add_hook(store, "TriggeredJobFinished")
    run = add_run(store, add_job(store, task="WebJob"))
    claim_all(store)

    settle(store, run)
    settle(store, run)

    assert told(store, hook) == [("TriggeredJobFinished", run.id)]


def test_runs_that_are_stopped_in_the_queue_are_told(store: Store) -> None:
    hook = add_hook(store, "RunAborted")
    first, second, third = (add_run(store) for _ in range(3))

    store.runs.request_stop(first.id, EndedBy.STOP, "enough", NOON)
    store.claims.claim("here", "boot", ["r1"], 1, NOON)
    store.runs.request_stop(second.id, EndedBy.STOP, "enough", NOON)
    store.claims.requeue([(second.id, 1)], "no room")
    store.claims.cancel_queued(EndedBy.SHUTDOWN, "The server was stopped.", NOON)

    assert told(store, hook) == [("RunAborted", each.id) for each in (first, second, third)]


def test_moments_that_are_missed_are_told(scheduling: Scheduling, store: Store) -> None:
    hook = add_hook(store, "RunMissed")
    policy = Policy(misfire=Misfire(grace=1.0))
    job = scheduling.add({"interval": {"seconds": 1}}, policy=policy)

    scheduling.fire(10.5)

    found = one(store, hook)
    assert (found.event, found.job_id, found.run_id) == ("RunMissed", job.id, None)
    assert found.facts["due_us"] == NOON + SECOND
    assert found.facts["count"] == 9
    assert "late" in found.facts["reason"]


def test_a_restart_loop_is_told(store: Store) -> None:
    hook = add_hook(store, "RestartLoop", "RunFailed")
    job = add_job(store, mode=Mode.CONTINUOUS, trigger=None, next_us=None)
    [claim] = store.services.begin([Wish(job_key=job.key, node="here", runner="r", boot_id="b")], 0)
    end = End(run_id=claim.run.id, claim=1, ended_by=EndedBy.EXIT, exit_code=1, ended_us=NOON)
    leave = Leave(
        job_key=job.key,
        node="here",
        run_id=claim.run.id,
        state=ServiceState.WAITING,
        next_try_us=NOON + SECOND,
        exits=6,
        loop=True,
    )

    store.services.settle([Settlement(end=end)], [leave], NOON)

    assert told(store, hook) == [("RestartLoop", claim.run.id)]
    facts = {"node": "here", "exits": 6, "next_try_us": NOON + SECOND}
    assert one(store, hook).facts == facts


def test_what_is_published_is_told_as_it_is(store: Store) -> None:
    hook = add_hook(store, "PostDeployment", only_failures=True)
    add_hook(store, "RunFailed")

    assert store.deliveries.publish("PostDeployment", '{"a": 1}') == 1

    assert (one(store, hook).body, one(store, hook).event) == ('{"a": 1}', "PostDeployment")


def test_of_each_hook_the_oldest_is_due(store: Store) -> None:
    first, second = add_hook(store, "RunFailed"), add_hook(store, "RunFailed")
    runs = [ended(store, exit_code=1) for _ in range(2)]

    due = store.deliveries.due(clock.now_us())

    assert [(each.hook_id, each.run_id) for each in due] == [
        (first.id, runs[0]),
        (second.id, runs[0]),
    ]
    assert due[0].job_name == "backup"
    assert store.deliveries.due(NOON - 1) == []


def test_an_attempt_is_claimed_once(store: Store) -> None:
    hook = add_hook(store, "RunFailed")
    ended(store, exit_code=1)
    now_us = clock.now_us()
    [due] = store.deliveries.due(now_us)

    assert store.deliveries.claim(due, "here", 60, now_us)
    assert not store.deliveries.claim(due, "there", 60, now_us)

    assert store.deliveries.due(now_us + 59 * SECOND) == []
    [again] = store.deliveries.due(now_us + 60 * SECOND)
    assert (again.id, again.claims) == (due.id, 1)
    assert one(store, hook).next_at == from_us(now_us) + timedelta(seconds=60)


def test_what_a_dead_process_had_claimed_is_due_again(store: Store) -> None:
    add_hook(store, "RunFailed")
    ended(store, exit_code=1)
    now_us = clock.now_us()
    [due] = store.deliveries.due(now_us)
    store.deliveries.claim(due, "here", 60, now_us)

    assert store.deliveries.release("there", now_us) == 0
    assert store.deliveries.release("here", now_us) == 1

    assert len(store.deliveries.due(now_us)) == 1


def test_every_attempt_is_kept(store: Store) -> None:
    hook = add_hook(store, "RunFailed")
    ended(store, exit_code=1)
    for attempt, later in ((BAD, NOON + 1), (GOOD, None)):
        [due] = store.deliveries.due(clock.now_us())
        store.deliveries.claim(due, "here", 60, NOON)
        assert store.deliveries.settle(due, attempt, later, "{}")

    found = one(store, hook)
    assert (found.attempts, found.next_at, found.delivered) == ((BAD, GOOD), None, True)
    assert found.body == "{}"
    seen = store.hooks.get(hook.id)
    assert seen is not None
    assert (seen.last_status, seen.last_reason, seen.last_context) == (200, "OK", "{}")
    assert seen.last_at == from_us(NOON)


def test_an_attempt_that_took_too_long_does_not_overwrite_the_next(store: Store) -> None:
    hook = add_hook(store, "RunFailed")
    ended(store, exit_code=1)
    [slow] = store.deliveries.due(clock.now_us())
    store.deliveries.claim(slow, "here", 60, NOON)
    [quick] = store.deliveries.due(clock.now_us())
    store.deliveries.claim(quick, "there", 60, NOON)

    assert not store.deliveries.settle(slow, BAD, None, "{}")
    assert store.deliveries.settle(quick, GOOD, None, "{}")

    assert one(store, hook).attempts == (GOOD,)


def test_old_deliveries_are_forgotten_and_too_many_given_up(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook, other = add_hook(store, "PostDeployment"), add_hook(store, "PostDeployment")
    for _ in range(5):
        store.deliveries.publish("PostDeployment", "{}")
    monkeypatch.setattr(deliveries, "MOST_WAITING", 3)

    store.deliveries.prune([hook.id], 1)

    found = store.deliveries.of_hook(hook.id, 10)
    assert [each.next_at is None for each in found] == [False, False, False, True]
    assert len(store.deliveries.of_hook(other.id, 10)) == 5


def test_without_hooks_nothing_is_noted(store: Store) -> None:
    ended(store, exit_code=1)

    with store.database.read() as connection:
        assert store.database.rows(connection, "SELECT count(*) FROM deliveries") == [(0,)]
