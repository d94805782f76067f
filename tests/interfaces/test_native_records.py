"""The native API: what failed in a run, record by record."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsched.model import Role
from jobsched.storage.claims import Settlement
from jobsched.storage.records import Failure, Portion, text_of
from jobsched.storage.tallies import Report
from jobsched.web.payloads import RunAnswer
from jobsched.web.payloads.records import RecordAnswer, RecordList
from tests.support.native import Native, begin, fields_of, finish, shown
from tests.support.rows import NOON, end_of

VALUES: tuple[object, ...] = (
    [], {}, None, "", 0, False, 2**53, -1.5, {"a": {"b": [{"c": "ü\n"}]}},
)  # fmt: skip
DATA = ({"id": 1, "n": [1.5, None]}, "two", None)


@pytest.fixture
def run(api: Native) -> int:
    """A run in which three records have failed."""
    run_id = api.start()
    begin(api, run_id)
    failures = [
        Failure(number=n, message=f"no {n}", code="E1", data=text_of(one))
        for n, one in enumerate(DATA, 1)
    ]
    api.store.records.take([Portion(run_id=run_id, failures=failures)], NOON)
    found = api.store.runs.get(run_id)
    assert found is not None
    settlement = Settlement(end=end_of(found), report=Report(errors=3, success=7))
    api.store.claims.settle([settlement], NOON)
    return run_id


def listed(client: FlaskClient, run: int, **query: Any) -> list[dict[str, Any]]:
    response = client.get(f"/runs/{run}/records", query_string=query)
    assert response.status_code == 200, response.get_json()
    values: list[dict[str, Any]] = response.get_json()["values"]
    return values


def refused(response: Any) -> tuple[int, str]:
    return response.status_code, response.get_json()["type"]


def test_a_run_says_how_many_records_wait(client: FlaskClient, run: int) -> None:
    body = shown(client, f"/runs/{run}")

    RunAnswer.model_validate_json(client.get(f"/runs/{run}").data)
    assert body["counts"] == {"success": 7, "error": 3, "ignore": 0}
    assert (body["open_records"], body["retriable"]) == (3, True)


def test_records_are_listed_as_described_page_by_page(client: FlaskClient, run: int) -> None:
    response = client.get(f"/runs/{run}/records?limit=2")

    RecordList.model_validate_json(response.data)
    body = response.get_json()
    assert [one["data"] for one in body["values"]] == [*DATA[:2]]
    assert 'rel="next"' in response.headers["Link"]
    last = client.get(body["next"]).get_json()
    assert ([one["data"] for one in last["values"]], last["next"]) == ([None], None)
    first = body["values"][0]
    RecordAnswer.model_validate_json(client.get(first["url"]).data)
    assert shown(client, first["url"]) == first
    assert {name: first[name] for name in ("run", "last_run", "number", "attempts")} == {
        "run": run,
        "last_run": run,
        "number": 1,
        "attempts": 1,
    }


def test_records_are_picked_by_their_state(client: FlaskClient, run: int) -> None:
    first = listed(client, run)[0]["retry_id"]
    again = client.post(f"/records/{first}/retry").get_json()["id"]

    assert [one["given_to"] for one in listed(client, run, state="retrying")] == [again]
    assert len(listed(client, run, state="open")) == 2
    assert listed(client, run, state="resolved") == []


def test_a_list_that_has_not_changed_is_not_sent_again(client: FlaskClient, run: int) -> None:
    tag = client.get(f"/runs/{run}/records").headers["ETag"]

    same = client.get(f"/runs/{run}/records", headers={"If-None-Match": tag})

    assert same.status_code == 304


def test_data_is_any_json_value(client: FlaskClient, run: int) -> None:
    record = listed(client, run)[0]["url"]

    for data in VALUES:
        response = client.put(record, json={"data": data})
        assert (response.status_code, response.get_json()["data"]) == (200, data)
        assert shown(client, record)["data"] == data


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "data"),
        ({"data": 1, "state": "resolved"}, "state"),
        ({"data": "x" * 300_000}, "data"),
    ],
)
def test_what_is_no_data_is_refused(
    client: FlaskClient, run: int, body: dict[str, Any], field: str
) -> None:
    record = listed(client, run)[0]

    assert fields_of(client.put(record["url"], json=body)) == [field]
    assert shown(client, record["url"]) == record


@pytest.mark.parametrize("raw", [b"", b"[1]", b'{"data": NaN}', b'{"data": ' + b"[" * 500])
def test_what_is_no_json_is_refused(client: FlaskClient, run: int, raw: bytes) -> None:
    record = listed(client, run)[0]["url"]

    response = client.put(record, data=raw, content_type="application/json")

    assert (response.status_code, response.content_type) == (400, "application/problem+json")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"state": "broken"}, "state"),
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"page": 2}, "page"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(
    client: FlaskClient, run: int, query: dict[str, Any], field: str
) -> None:
    assert fields_of(client.get(f"/runs/{run}/records", query_string=query)) == [field]


def test_what_is_not_there_is_404(client: FlaskClient) -> None:
    assert refused(client.get("/runs/999/records")) == (404, "/errors/unknown-run")
    for number in (0, 999):
        answers = [
            client.get(f"/records/{number}"),
            client.put(f"/records/{number}", json={"data": 1}),
            client.post(f"/records/{number}/retry"),
        ]
        assert {refused(one) for one in answers} == {(404, "/errors/unknown-record")}
    assert client.get(f"/records/{2**70}").status_code == 404
    assert client.get("/records/x").status_code == 404


def test_a_record_in_the_hands_of_a_retry_is_left_alone(
    api: Native, client: FlaskClient, run: int
) -> None:
    record = listed(client, run)[0]["url"]
    again = client.post(f"{record}/retry").get_json()["id"]

    twice = client.post(f"{record}/retry")
    changed = client.put(record, json={"data": 1})

    assert refused(twice) == refused(changed) == (409, "/errors/conflict")
    assert f"run {again}" in twice.get_json()["detail"]
    finish(api, again)
    resolved = client.post(f"{record}/retry")
    assert (resolved.status_code, "resolved" in resolved.get_json()["detail"]) == (409, True)


def test_the_same_key_retries_a_record_once(client: FlaskClient, run: int) -> None:
    path, headers = f"{listed(client, run)[0]['url']}/retry", {"Idempotency-Key": "once"}

    answers = [client.post(path, headers=headers).get_json()["id"] for _ in range(3)]

    assert len({*answers}) == 1


def test_a_record_of_a_run_that_goes_on_is_not_retried(api: Native, client: FlaskClient) -> None:
    run_id = api.start()
    begin(api, run_id)
    failure = Failure(number=1, message="no")
    api.store.records.take([Portion(run_id=run_id, failures=[failure])], NOON)
    record = listed(client, run_id)[0]["url"]

    assert refused(client.post(f"{record}/retry")) == (409, "/errors/run-not-finished")


def test_viewers_look_and_operators_act(api: Native, client: FlaskClient, run: int) -> None:
    record = listed(client, run)[0]["url"]
    api.guarded.tokens.create(Role.ADMIN)
    roles = {role: api.guarded.tokens.create(role, name=role.value) for role in Role}

    def statuses(role: Role) -> list[int]:
        headers = {"Authorization": f"Bearer {roles[role]}"}
        return [
            client.get(f"/runs/{run}/records", headers=headers).status_code,
            client.get(record, headers=headers).status_code,
            client.put(record, json={"data": 1}, headers=headers).status_code,
            client.post(f"{record}/retry", headers=headers).status_code,
        ]

    assert statuses(Role.VIEWER) == [200, 200, 403, 403]
    assert statuses(Role.OPERATOR) == [200, 200, 200, 202]
