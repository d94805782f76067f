"""Telling web hooks: a thread over a real database, posting to a real receiver."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobsched import clock, events
from jobsched.events import Event
from jobsched.model import Run
from jobsched.operations.webhooks import delivering
from jobsched.operations.webhooks.delivering import Deliverer
from jobsched.settings import Settings
from jobsched.storage import Store
from jobsched.storage.deliveries import Delivery
from jobsched.storage.hooks import Hook, NewHook
from tests.support.databases import migrated
from tests.support.native import settings_in
from tests.support.receiver import Receiver
from tests.support.rows import add_job, add_run, claim_all, settle
from tests.support.waiting import until

Start = Callable[..., Deliverer]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture
def settings(tmp_path: Path, receiver: Receiver) -> Settings:
    (tmp_path / "var").mkdir(mode=0o700)
    return settings_in(tmp_path, node="here", webhook_allowed_hosts=("127.0.0.1",))


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    store = migrated(settings.database_url)
    yield store
    store.close()


@pytest.fixture
def start(settings: Settings, store: Store) -> Iterator[Start]:
    """Starts a deliverer, whose run objects are the runs' ids with the base URL."""
    begun: list[Deliverer] = []

    def begin(run_object: Any = None, node: str = "here") -> Deliverer:
        deliverer = Deliverer(replace(settings, node=node), store, run_object or _run_object)
        deliverer.start()
        begun.append(deliverer)
        return deliverer

    yield begin
    for deliverer in begun:
        deliverer.stop()


@pytest.fixture
def heard() -> Iterator[list[Event]]:
    found: list[Event] = []
    end = events.listen(found.append)
    yield found
    end()


def _run_object(run: Run, base_url: str) -> dict[str, object]:
    return {"id": run.id, "url": base_url}


def add_hook(store: Store, receiver: Receiver, path: str = "/hook", **more: Any) -> Hook:
    values = {"url": receiver.url(path), "events": ("PostDeployment",), "base_url": "http://me"}
    return store.hooks.add(NewHook(**(values | more)))


def publish(store: Store, body: str = "{}") -> None:
    store.deliveries.publish("PostDeployment", body)


def finished(store: Store, hook: Hook) -> Delivery:
    """Wait until the newest delivery of a hook is over."""

    def over() -> Delivery | None:
        [newest] = store.deliveries.of_hook(hook.id, 1)
        return newest if newest.next_at is None else None

    found = until(over)
    assert found is not None
    return found


def end_a_run(store: Store, **facts: Any) -> Run:
    run = add_run(store, add_job(store, task="WebJob"))
    claim_all(store)
    settle(store, run, **facts)
    return run


def test_a_hook_is_told_with_its_delivery_and_login(
    store: Store, receiver: Receiver, start: Start, heard: list[Event]
) -> None:
    hook = add_hook(store, receiver, login="user:pass")
    publish(store, '{"colour": "r\u00f6t"}')
    start()

    done = finished(store, hook)

    [post] = receiver.posts
    assert post.json == {"colour": "r\u00f6t"}
    assert post.headers["Content-Type"] == "application/json; charset=utf-8"
    assert post.headers["X-Jobsched-Event"] == "PostDeployment"
    assert post.headers["X-Jobsched-Delivery"] == f"{hook.id}-{done.id}"
    assert post.headers["X-Jobsched-Attempt"] == "1"
    assert post.headers["Authorization"] == "Basic dXNlcjpwYXNz"
    assert post.headers["User-Agent"].startswith("jobsched/")
    assert (done.delivered, [each.status for each in done.attempts]) == (True, [200])
    assert [event.name for event in heard] == ["web hook told"]


def test_kudus_event_posts_the_run_object(store: Store, receiver: Receiver, start: Start) -> None:
    hook = add_hook(store, receiver, events=("TriggeredJobFinished",))
    run = end_a_run(store)
    start()

    finished(store, hook)

    assert receiver.posts[0].json == {"id": run.id, "url": "http://me"}


def test_our_events_say_what_happened_to_what(
    store: Store, receiver: Receiver, start: Start
) -> None:
    hook = add_hook(store, receiver, events=("RunFailed",))
    run = end_a_run(store, exit_code=3, reason="broken")
    start()

    finished(store, hook)

    body = receiver.posts[0].json
    assert body["event"] == "RunFailed"
    assert body["job"]["url"] == f"http://me/jobs/{body['job']['id']}"
    assert (body["run"]["id"], body["run"]["exit_code"]) == (run.id, 3)
    assert body["run"]["url"] == f"http://me/runs/{run.id}"
    assert (body["run"]["outcome"], body["run"]["reason"]) == ("failed", "broken")


def test_what_fails_is_tried_again_with_the_same_body(
    store: Store,
    receiver: Receiver,
    start: Start,
    heard: list[Event],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivering, "DELAYS", (0.05, 0.1, 0.1))
    receiver.answers += [500, 404]
    hook = add_hook(store, receiver)
    publish(store)
    start()

    done = finished(store, hook)

    assert [each.status for each in done.attempts] == [500, 404, 200]
    assert [post.headers["X-Jobsched-Attempt"] for post in receiver.posts] == ["1", "2", "3"]
    assert len({post.headers["X-Jobsched-Delivery"] for post in receiver.posts}) == 1
    names = [event.name for event in heard]
    assert names == ["web hook not reached", "web hook not reached", "web hook told"]


def test_after_enough_attempts_it_is_given_up(
    store: Store,
    receiver: Receiver,
    start: Start,
    heard: list[Event],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivering, "DELAYS", (0.05,))
    receiver.answers += [500, 503, 500]
    hook = add_hook(store, receiver)
    publish(store)
    start()

    done = finished(store, hook)

    assert ([each.status for each in done.attempts], done.delivered) == ([500, 503], False)
    assert (heard[-1].name, heard[-1].level) == ("web hook given up", logging.ERROR)


def test_who_answers_gone_is_removed(
    store: Store, receiver: Receiver, start: Start, heard: list[Event]
) -> None:
    receiver.answers.append(410)
    hook = add_hook(store, receiver)
    publish(store)
    publish(store)
    start()

    until(lambda: store.hooks.get(hook.id) is None)

    assert len(receiver.posts) == 1
    assert store.deliveries.of_hook(hook.id, 10) == []
    assert heard[-1].name == "web hook removed"


def test_an_address_that_may_not_be_called_any_more_is_not(
    store: Store, receiver: Receiver, start: Start
) -> None:
    hook = add_hook(store, receiver, url="https://127.0.0.2:1/")
    private = add_hook(store, receiver, url="http://10.0.0.1/")
    publish(store)
    start()

    assert [each.status for each in finished(store, hook).attempts] == [None]
    [attempt] = finished(store, private).attempts
    assert "WEBHOOK_ALLOWED_HOSTS" in attempt.reason


def test_a_run_that_is_gone_is_not_told(store: Store, receiver: Receiver, start: Start) -> None:
    hook = add_hook(store, receiver, events=("TriggeredJobFinished",))
    run = end_a_run(store)
    store.pruning.delete([run.id])
    start()

    [attempt] = finished(store, hook).attempts

    assert (attempt.status, attempt.reason) == (None, "its run is gone")
    assert receiver.posts == []


def test_a_job_that_is_gone_is_not_told(store: Store, receiver: Receiver, start: Start) -> None:
    hook = add_hook(store, receiver, events=("TriggeredJobFinished",))
    end_a_run(store)
    start(lambda _run, _url: None)

    assert [each.reason for each in finished(store, hook).attempts] == ["its run is gone"]


def test_a_slow_receiver_keeps_nobody_else_waiting_and_its_own_in_order(
    store: Store, receiver: Receiver, start: Start
) -> None:
    slow = add_hook(store, receiver, "/slow")
    receiver.holding.set()
    with Receiver() as other:
        quick = add_hook(store, other)
        for number in range(3):
            publish(store, f'{{"number": {number}}}')
        start()

        until(lambda: len(other.posts) == 3)
        finished(store, quick)
        assert len(receiver.posts) == 1
    receiver.release()

    finished(store, slow)
    assert [post.json["number"] for post in receiver.posts] == [0, 1, 2]


def test_what_a_killed_process_had_under_way_is_told_by_the_next(
    store: Store, receiver: Receiver, start: Start
) -> None:
    hook = add_hook(store, receiver)
    publish(store)
    [due] = store.deliveries.due(clock.now_us())
    store.deliveries.claim(due, "here", 3600, clock.now_us())
    start()

    assert finished(store, hook).delivered


def test_two_machines_tell_once(store: Store, receiver: Receiver, start: Start) -> None:
    hook = add_hook(store, receiver)
    start()
    start(node="there")

    for _ in range(10):
        publish(store)

    until(lambda: len(receiver.posts) >= 10)
    finished(store, hook)
    told = [post.headers["X-Jobsched-Delivery"] for post in receiver.posts]
    assert sorted(set(told)) == sorted(told)


def test_a_broken_maker_of_run_objects_ends_nothing(
    store: Store, receiver: Receiver, start: Start, heard: list[Event]
) -> None:
    def broken(_run: Run, _url: str) -> dict[str, object]:
        raise LookupError("no")

    add_hook(store, receiver, events=("TriggeredJobFinished",))
    other = add_hook(store, receiver, "/other")
    end_a_run(store)
    start(broken)
    until(lambda: any(event.name == "database trouble" for event in heard))

    publish(store)

    assert finished(store, other).delivered


def test_who_stops_does_not_wait_for_slow_receivers(
    store: Store, receiver: Receiver, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "_STOP_SECONDS", 0.1)
    receiver.holding.set()
    add_hook(store, receiver)
    publish(store)
    deliverer = Deliverer(settings, store, _run_object)
    deliverer.start()
    until(lambda: receiver.posts)

    began = clock.monotonic()
    deliverer.stop()

    assert clock.monotonic() - began < 3
    receiver.release()
    until(lambda: not deliverer._busy)


def test_the_end_of_a_run_is_told_at_once(
    store: Store, receiver: Receiver, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "_LOOK_EVERY", 30.0)
    hook = add_hook(store, receiver, events=("TriggeredJobFinished",))
    deliverer = start()
    end_a_run(store)

    deliverer.hear(Event(name="run finished", level=logging.INFO))

    assert finished(store, hook).delivered
