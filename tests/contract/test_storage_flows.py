"""Runs as flows have them: references, filters, the line of retries, what is hidden."""

from typing import Any

import pytest

from jobsched.clock import SECOND
from jobsched.model import Counts, EndedBy, Overlap, Policy, Run
from jobsched.storage import Store
from jobsched.storage.claims import Settlement
from jobsched.storage.flowfilters import Course, course_of
from jobsched.storage.flows import FlowFilter, FlowType, References
from jobsched.storage.records import Failure, Portion
from jobsched.storage.tallies import Report
from tests.support.rows import NOON, add_job, add_run, claim_all, end_of, new_run, reread, settle


def add_flow(store: Store, job: Any = None, **given: Any) -> Run:
    given.setdefault("type", FlowType.FLOW)
    changes = {"policy": Policy(overlap=Overlap.QUEUE)} if job is not None else {}
    return store.flows.add(new_run(job, **changes), References(**given), lambda: None).run


def ids(store: Store, limit: int = 100, cursor: str | None = None, **filters: Any) -> list[int]:
    found = store.flows.list(FlowFilter(**filters), limit, cursor)
    return [one.run.id for one in found.values]


def fail_records(store: Store, run: Run, numbers: range, claim: int = 1) -> None:
    """Let a run end well, with records that failed."""
    failures = [Failure(number=number, message="no", data=str(number)) for number in numbers]
    store.records.take([Portion(run_id=run.id, failures=failures)], NOON)
    report = Report(success=10, errors=len(failures))
    store.claims.settle([Settlement(end=end_of(run, claim), report=report)], NOON + SECOND)


def test_references_come_back_as_they_were_given(store: Store) -> None:
    parent = add_flow(store, flow="backup", integration="i1")
    run = add_flow(store, type=FlowType.EXPORT, export="e", import_="i", flow_run=parent.id)
    plain = add_run(store)

    found = store.flows.by_ids([parent.id, run.id, plain.id], 0)

    assert found[parent.id].references == References(
        type=FlowType.FLOW, flow="backup", integration="i1"
    )
    assert found[run.id].references.flow_run == parent.id
    assert found[run.id].run == reread(store, run)
    assert found[plain.id].references == References()
    assert store.flows.get(plain.id, NOON) is not None
    assert store.flows.get(plain.id, NOON + 1) is None
    assert store.flows.get(999, 0) is None


def test_references_can_be_changed_also_of_runs_that_had_none(store: Store) -> None:
    run, plain = add_flow(store, flow="backup"), add_run(store)

    store.flows.change(run.id, References(flow="backup", export="e2"))
    store.flows.change(plain.id, References(integration="i2"))

    found = store.flows.by_ids([run.id, plain.id], 0)
    assert found[run.id].references == References(type=FlowType.FLOW, flow="backup", export="e2")
    assert found[plain.id].references == References(integration="i2")


def test_runs_are_found_by_type_and_reference(store: Store) -> None:
    flow = add_flow(store, integration="i")
    export = add_flow(store, type=FlowType.EXPORT, export="e", flow_run=flow.id)
    imported = add_flow(store, type=FlowType.IMPORT, import_="e", integration="i")
    plain = add_run(store)
    claim_all(store)
    settle(store, export, exit_code=1)
    retry = store.runs.retry(export.id)

    assert ids(store, types=frozenset({"flow"})) == [plain.id, flow.id]
    assert ids(store, types=frozenset({"export"})) == [export.id]
    assert ids(store, types=frozenset({"retry", "import"})) == [retry.id, imported.id]
    assert ids(store, types=frozenset()) == ids(store, courses=frozenset()) == []
    assert ids(store, export="e") == [retry.id, export.id]
    assert ids(store, import_="e") == [imported.id]
    assert ids(store, integration="i") == [imported.id, flow.id]
    assert ids(store, flow_run=flow.id) == [retry.id, export.id]
    assert ids(store, flow_run=flow.id, types=frozenset({"export"})) == [export.id]


def test_runs_are_found_by_job_time_and_counts(store: Store) -> None:
    job, other = add_job(store, policy=Policy(max_instances=9)), add_job(store)
    first = add_flow(store, job)
    claim_all(store)
    fail_records(store, first, range(1, 4))
    second = add_run(store, other, created_us=NOON + 5)

    assert ids(store, jobs=frozenset({job.key})) == [first.id]
    assert ids(store, jobs=frozenset({job.key, other.key})) == [second.id, first.id]
    assert ids(store, jobs=frozenset()) == []
    assert ids(store, since_us=NOON + 5) == [second.id]
    assert ids(store, until_us=NOON + 5) == [first.id]
    assert ids(store, least={"error": 3}) == [first.id]
    assert ids(store, least={"error": 4}) == []
    assert ids(store, most={"error": 2}, least={"success": 0}) == [second.id]
    assert ids(store, retriable=True) == [first.id]
    assert ids(store, retriable=False) == [second.id]


ENDS: list[tuple[dict[str, Any], Course]] = [
    ({"exit_code": 0}, Course.COMPLETED),
    ({"exit_code": 1}, Course.FAILED),
    ({"exit_code": 1, "counts": Counts(success=1, error=1)}, Course.COMPLETED),
    ({"exit_code": None, "signal": 11, "counts": Counts(success=1)}, Course.FAILED),
    ({"exit_code": None, "ended_by": EndedBy.LOST}, Course.FAILED),
    ({"exit_code": None, "ended_by": EndedBy.NOT_STARTED}, Course.FAILED),
    ({"exit_code": None, "ended_by": EndedBy.TIMEOUT}, Course.FAILED),
    ({"exit_code": None, "ended_by": EndedBy.IDLE}, Course.FAILED),
    ({"exit_code": None, "ended_by": EndedBy.UNHEALTHY}, Course.FAILED),
    ({"exit_code": None, "ended_by": EndedBy.STOP}, Course.CANCELLED),
    ({"exit_code": None, "ended_by": EndedBy.KILL}, Course.CANCELLED),
    ({"exit_code": None, "ended_by": EndedBy.DISCONNECT}, Course.CANCELLED),
    ({"exit_code": None, "ended_by": EndedBy.SHUTDOWN}, Course.CANCELLED),
    ({"exit_code": None, "ended_by": EndedBy.REPLACED}, Course.CANCELLED),
    ({"exit_code": None, "ended_by": EndedBy.EXPIRED}, Course.CANCELLED),
]


def test_the_query_and_the_value_tell_the_same_course(store: Store) -> None:
    ended = [add_run(store) for _ in ENDS]
    claim_all(store)
    for run, (facts, _) in zip(ended, ENDS, strict=True):
        settle(store, run, **facts)
    stopping, running = add_run(store), add_run(store)
    claim_all(store)
    store.runs.request_stop(stopping.id, EndedBy.STOP, None, NOON)
    store.claims.started([(running.id, 1, NOON)])
    starting = add_run(store)
    claim_all(store)
    queued = add_run(store)

    expected = {run.id: course for run, (_, course) in zip(ended, ENDS, strict=True)}
    expected |= {stopping.id: Course.STOPPING, running.id: Course.RUNNING}
    expected |= {starting.id: Course.WAITING, queued.id: Course.WAITING}
    found = store.flows.by_ids(expected, 0)
    assert {one: course_of(found[one].run) for one in expected} == expected
    for course in Course:
        here = sorted((one for one in expected if expected[one] is course), reverse=True)
        assert ids(store, courses=frozenset({course})) == here
    two = frozenset({Course.RUNNING, Course.COMPLETED})
    assert set(ids(store, courses=two)) == {one for one in expected if expected[one] in two}


@pytest.mark.parametrize("courses", [None, frozenset({Course.WAITING, Course.RUNNING})])
def test_lists_come_in_pages_newest_first(store: Store, courses: Any) -> None:
    made = [add_flow(store).id for _ in range(7)]
    store.flows.hide(made[5])
    wanted = [one for one in reversed(made) if one != made[5]]

    seen: list[int] = []
    cursor: str | None = None
    for _ in range(9):
        page = store.flows.list(FlowFilter(courses=courses), 2, cursor)
        seen += [one.run.id for one in page.values]
        if (cursor := page.next) is None:
            break

    assert seen == wanted


def test_a_retry_has_the_references_of_its_line(store: Store) -> None:
    policy = Policy(retries=Policy().retries)
    run = store.flows.add(
        new_run(policy=policy), References(type=FlowType.EXPORT, export="e"), lambda: None
    ).run
    part = add_flow(store, type=FlowType.IMPORT, import_="i", flow_run=run.id)
    other = add_flow(store)
    claim_all(store)
    settle(store, run, exit_code=1)
    retry = store.runs.retry(run.id)
    claim_all(store)
    settle(store, retry, exit_code=1)
    last = store.runs.retry(retry.id)

    family = store.flows.family(run.id, 0, 100)

    assert [one.run.id for one in family] == [part.id, retry.id, last.id]
    assert family[2].references.export == "e"
    assert family[2].run.retry_of == retry.id
    assert [one.run.id for one in store.flows.family(run.id, 0, 2)] == [part.id, retry.id]
    assert store.flows.family(other.id, 0, 100) == []


def test_a_circle_of_parts_has_an_end(store: Store) -> None:
    one, two = add_flow(store), add_flow(store)
    store.flows.change(one.id, References(flow_run=two.id))
    store.flows.change(two.id, References(flow_run=one.id))

    assert [each.run.id for each in store.flows.family(one.id, 0, 10)] == [two.id]


def test_what_is_hidden_is_gone_at_once_and_deleted_when_it_is_done(store: Store) -> None:
    living, plain, other = add_flow(store), add_run(store), add_run(store)
    claim_all(store)
    settle(store, plain)

    store.flows.hide(living.id)
    store.flows.hide(plain.id)

    assert ids(store) == [other.id]
    assert store.flows.get(plain.id, 0) is None
    assert store.pruning.hidden(10) == [plain.id]
    settle(store, living)
    assert store.pruning.hidden(10) == [living.id, plain.id]
    store.pruning.delete([living.id, plain.id])
    assert store.pruning.hidden(10) == []
    assert store.runs.get(plain.id) is None


def test_the_open_records_of_a_run_are_followed_to_where_they_failed_last(store: Store) -> None:
    run = add_flow(store)
    claim_all(store)
    fail_records(store, run, range(1, 4))
    [one, two, three] = store.records.of_run(run.id, 10).values
    retry = store.runs.retry(run.id, record=two.id)
    claim_all(store)
    settle(store, retry, exit_code=1)

    assert store.flows.holders(run.id, 10) == [run.id, retry.id]
    assert store.flows.holders(retry.id, 10) == [retry.id]
    assert store.flows.holders(run.id, 1) == [run.id]
    assert store.flows.has_failed_in(run.id, three.id)
    assert store.flows.has_failed_in(retry.id, two.id)
    assert not store.flows.has_failed_in(retry.id, one.id)
    assert not store.flows.has_failed_in(run.id, 10**17)


def claimed(store: Store, limit: int = 100) -> list[int]:
    return [claim.run.id for claim in claim_all(store, limit)]


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_of_a_flow_one_run_lives_though_its_job_may_have_more(store: Store, limit: int) -> None:
    job = add_job(store, policy=Policy(max_instances=3))
    first, second = add_flow(store, job), add_flow(store, job)
    other = add_flow(store, add_job(store))
    alone = add_run(store)

    started = [*claimed(store, limit), *claimed(store, limit), *claimed(store, limit)]

    assert started == [first.id, other.id, alone.id]
    assert claimed(store) == []
    settle(store, first)
    assert claimed(store) == [second.id]


def test_a_run_of_a_flow_waits_for_the_others_of_its_job_and_they_for_it(store: Store) -> None:
    policy = Policy(max_instances=3, overlap=Overlap.QUEUE)
    job = add_job(store, policy=policy)
    plain = [add_run(store, job) for _ in range(2)]
    flow = add_flow(store, job)
    later = add_run(store, job)

    assert claimed(store) == [plain[0].id, plain[1].id, later.id]
    assert claimed(store) == []
    for run in (*plain, later):
        settle(store, run)
    last = add_run(store, job)
    assert claimed(store) == [flow.id]
    assert claimed(store) == []
    settle(store, flow)
    assert claimed(store) == [last.id]


def test_a_retry_of_an_adopted_run_is_alone_as_well(store: Store) -> None:
    job = add_job(store, policy=Policy(max_instances=3, overlap=Overlap.QUEUE))
    run, other = add_run(store, job), add_run(store, job)
    claim_all(store)
    settle(store, run, exit_code=1)
    store.flows.adopt(run.id)
    retry = store.runs.retry(run.id)

    assert claimed(store) == []
    settle(store, other)
    assert claimed(store) == [retry.id]
