"""Leases, machines, tokens, the audit log, switches and idempotency keys."""

from dataclasses import dataclass
from typing import Any

import pytest

from jobsched.clock import SECOND, from_us, now_us
from jobsched.errors import Conflict
from jobsched.model import Role
from jobsched.storage import Store
from jobsched.storage.audit import AuditFilter
from jobsched.storage.idempotency import KEPT_US, IdempotencyKey
from tests.support.rows import NOON, new_job


@dataclass(frozen=True)
class Done:
    at_us: int = NOON
    who: str = "ada"
    source: str = "127.0.0.1"
    what: str = "POST /jobs"
    target: str | None = "/jobs/1"
    status: int = 202
    request_id: str = "r1"


def test_a_lease_is_held_by_one_until_it_expires(store: Store) -> None:
    assert store.leases.take("scheduler", "a", 10, NOON) == 1

    assert store.leases.take("scheduler", "b", 10, NOON + 9 * SECOND) is None
    assert store.leases.take("scheduler", "b", 10, NOON + 10 * SECOND) == 2

    assert not store.leases.renew("scheduler", "a", 1, 10, NOON)
    held = store.leases.read("scheduler")
    assert held is not None
    assert (held.owner, held.epoch, held.expires_us) == ("b", 2, NOON + 20 * SECOND)


def test_a_renewed_lease_lasts_longer(store: Store) -> None:
    store.leases.take("scheduler", "a", 10, NOON)

    assert store.leases.renew("scheduler", "a", 1, 10, NOON + 5 * SECOND)

    assert store.leases.take("scheduler", "b", 10, NOON + 14 * SECOND) is None


def test_whoever_holds_a_lease_may_take_it_again_under_a_new_epoch(store: Store) -> None:
    store.leases.take("scheduler", "a", 10, NOON)

    assert store.leases.take("scheduler", "a", 10, NOON) == 2


def test_a_lease_that_is_given_back_can_be_taken_at_once(store: Store) -> None:
    store.leases.take("scheduler", "a", 10, NOON)

    assert not store.leases.release("scheduler", "b", 1)
    assert store.leases.release("scheduler", "a", 1)

    assert store.leases.take("scheduler", "b", 10, NOON) == 2


def test_without_a_time_the_database_tells_it(store: Store) -> None:
    assert store.leases.read("scheduler") is None
    store.leases.take("scheduler", "a", 100)

    held = store.leases.read("scheduler")

    assert held is not None
    assert abs(held.expires_us - now_us() - 100 * SECOND) < 60 * SECOND


def test_a_machine_is_known_by_its_last_beat(store: Store) -> None:
    for heartbeat in (NOON, NOON + SECOND):
        store.nodes.beat(
            name="here",
            boot_id="b",
            capacity=8,
            started_us=NOON,
            now_us=heartbeat,
            facts={"runners": ["r1"]},
        )

    [node] = store.nodes.list()
    assert (node.name, node.capacity, node.facts) == ("here", 8, {"runners": ["r1"]})
    assert (node.started_at, node.heartbeat_at) == (from_us(NOON), from_us(NOON + SECOND))

    assert store.nodes.forget("here")
    assert not store.nodes.forget("here")


def test_a_switch_has_its_last_value(store: Store) -> None:
    assert store.switches.get("pause_all") is None

    store.switches.put("pause_all", {"paused": True})
    store.switches.put("pause_all", {"paused": False, "by": "ada"})
    store.switches.put("empty", {})

    assert store.switches.get("pause_all") == {"paused": False, "by": "ada"}
    assert store.switches.get("empty") == {}


def test_a_token_is_found_by_its_digest_until_it_is_taken_back(store: Store) -> None:
    assert not store.tokens.any()
    token_id = store.tokens.add("ci", Role.OPERATOR, "d" * 64, NOON)
    store.tokens.add("admin", Role.ADMIN, "e" * 64)
    store.tokens.touch(token_id, NOON + 1)

    found = store.tokens.by_digest("d" * 64)

    assert found is not None
    assert (found.id, found.name, found.role) == (token_id, "ci", Role.OPERATOR)
    assert (found.expires_at, found.used_at) == (from_us(NOON), from_us(NOON + 1))
    assert [token.name for token in store.tokens.list()] == ["ci", "admin"]
    assert store.tokens.any()
    assert store.tokens.delete(token_id)
    assert not store.tokens.delete(token_id)
    assert store.tokens.by_digest("d" * 64) is None


def test_a_name_belongs_to_one_valid_token_at_a_time(store: Store) -> None:
    store.tokens.add("ci", Role.VIEWER, "c" * 64, now_us() - SECOND)
    token_id = store.tokens.add("ci", Role.VIEWER, "d" * 64, now_us() + 1000 * SECOND)

    with pytest.raises(Conflict, match=f"Token {token_id} is named 'ci' as well"):
        store.tokens.add("ci", Role.ADMIN, "e" * 64)

    assert store.tokens.delete(token_id)
    assert store.tokens.add("ci", Role.ADMIN, "e" * 64)


def test_lines_of_the_audit_log_are_found_by_who_what_and_when(store: Store) -> None:
    store.audit.add([Done(), Done(who="bob", target=None), Done(what="GET /x", at_us=NOON + 1)])

    def found(**filters: Any) -> list[int]:
        return [entry.id for entry in store.audit.list(10, None, AuditFilter(**filters)).values]

    assert found() == [3, 2, 1]
    assert found(who="bob") == [2]
    assert found(what="post /JOBS") == [2, 1]
    assert found(what="jobs/1", since=from_us(NOON + 1)) == [3]
    assert found(who="ada", what="%") == []


def test_the_audit_log_is_read_newest_first_and_cut_to_its_columns(store: Store) -> None:
    store.audit.add([Done(), Done(who="x" * 500, target=None), Done(what="y" * 500)])

    first = store.audit.list(2)
    second = store.audit.list(2, first.next)

    assert [entry.id for entry in first.values + second.values] == [3, 2, 1]
    assert (len(first.values[0].what), len(first.values[1].who)) == (100, 200)
    oldest = second.values[0]
    assert (oldest.at, oldest.who, oldest.target) == (from_us(NOON), "ada", "/jobs/1")


def test_old_lines_of_the_audit_log_are_pruned_in_batches(store: Store) -> None:
    store.audit.add([Done(at_us=NOON + number) for number in range(5)])

    assert store.audit.prune(NOON + 3, 2) == 2
    assert store.audit.prune(NOON + 3, 2) == 1

    assert len(store.audit.list(10).values) == 2


def test_an_idempotency_key_is_forgotten_after_a_day(store: Store) -> None:
    job = store.jobs.add(new_job(), IdempotencyKey(scope="s", key="k", body_digest="a"))
    now = now_us()
    assert store.idempotency.find("s", "k", now) == job.id
    assert store.idempotency.find("s", "k", now + 2 * KEPT_US) is None

    with store.database.write() as connection:
        store.database.run(connection, "UPDATE idempotency SET created_us = 0")
    again = store.jobs.add(new_job(), IdempotencyKey(scope="s", key="k", body_digest="b"))

    assert again.id != job.id
    assert store.idempotency.find("s", "k", now) == again.id
    assert store.idempotency.prune(now + 2 * KEPT_US, 10) == 1
