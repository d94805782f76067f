"""Commands as they are listed, and those that are attached to a client."""

from typing import Any

import pytest

from jobsched.model import EndedBy, Run, RunState
from jobsched.storage import Store
from jobsched.storage.commands import CommandFilter
from tests.support.rows import NOON, add_run, claim_all, new_run, reread, settle


def add_command(store: Store, **fields: Any) -> Run:
    params = {"command": "true", "group": fields.pop("group", "default")}
    return add_run(store, task="shell", params=params, **fields)


def ids(store: Store, after: int = 0, **filters: Any) -> list[int]:
    found = store.commands.page(CommandFilter(**filters), after, 100)
    return [run.id for run in found]


def test_only_commands_are_listed_unless_they_are_named(store: Store) -> None:
    first, other, last = add_command(store), add_run(store), add_command(store)

    assert ids(store) == [first.id, last.id]
    assert ids(store, after=first.id) == [last.id]
    assert ids(store, ids=frozenset({other.id, last.id, 99})) == [other.id, last.id]


def test_commands_are_found_by_name_and_group(store: Store) -> None:
    one = add_command(store, name="one", group="a")
    two = add_command(store, name="two", group="b")
    add_command(store, name="two", group="c")

    assert ids(store, groups=frozenset({"a", "b"})) == [one.id, two.id]
    assert ids(store, groups=frozenset({"b"}), names=frozenset({"two"})) == [two.id]
    assert ids(store, groups=frozenset({"a"}), names=frozenset({"two"})) == []


def test_commands_are_found_by_state_and_by_what_ended_them(store: Store) -> None:
    well, killed = add_command(store), add_command(store)
    claim_all(store)
    settle(store, well, exit_code=0)
    settle(store, killed, exit_code=None, ended_by=EndedBy.KILL, signal=9)
    queued = add_command(store)
    add_run(store)
    waiting = frozenset({RunState.QUEUED})

    assert ids(store, states=waiting) == [queued.id]
    assert ids(store, states=waiting, after=queued.id) == []
    assert ids(store, ended_by=frozenset({EndedBy.EXIT})) == [well.id]
    assert ids(store, states=waiting, ended_by=frozenset({EndedBy.KILL})) == [killed.id, queued.id]


def attach(store: Store, holder: str = "here/1") -> Run:
    new = new_run(task="shell", params={"command": "true"})
    return store.attached.add(new, holder, lambda: None)


def test_what_is_attached_is_known_until_it_is_forgotten(store: Store) -> None:
    told: list[str] = []
    run = store.attached.add(new_run(task="shell"), "here/1", lambda: told.append("visible"))
    other = attach(store, "here/2")

    assert told == ["visible"]
    assert store.attached.all() == [(run.id, "here/1"), (other.id, "here/2")]

    store.attached.forget([run.id, 99])

    assert store.attached.all() == [(other.id, "here/2")]


def test_runs_whose_clients_are_gone_are_stopped_at_once(store: Store) -> None:
    living, over = attach(store), attach(store)
    claim_all(store)
    settle(store, over, exit_code=3)
    queued = attach(store)

    store.attached.stop([living.id, over.id, queued.id], "gone", NOON)

    [wish] = store.claims.stops("here")
    assert (wish.run_id, wish.ended_by, wish.at_once) == (living.id, EndedBy.DISCONNECT, True)
    assert reread(store, queued).ended_by is EndedBy.DISCONNECT
    assert reread(store, over).exit_code == 3
    assert store.attached.all() == []


@pytest.mark.parametrize(
    ("task", "first", "then", "expected"),
    [
        ("shell", EndedBy.STOP, EndedBy.DISCONNECT, EndedBy.DISCONNECT),
        ("shell", EndedBy.DISCONNECT, EndedBy.KILL, EndedBy.KILL),
        ("shell", EndedBy.KILL, EndedBy.DISCONNECT, EndedBy.KILL),
        ("example", EndedBy.STOP, EndedBy.DISCONNECT, EndedBy.STOP),
        ("example", EndedBy.DISCONNECT, EndedBy.KILL, EndedBy.KILL),
    ],
)
def test_what_is_to_be_at_once_goes_over_what_has_a_grace(
    store: Store, task: str, first: EndedBy, then: EndedBy, expected: EndedBy
) -> None:
    run = add_run(store, task=task)
    claim_all(store)

    store.runs.request_stop(run.id, first, None, NOON)
    store.runs.request_stop(run.id, then, None, NOON)

    [wish] = store.claims.stops("here")
    assert (wish.ended_by, wish.at_once) == (expected, expected is not EndedBy.STOP)
