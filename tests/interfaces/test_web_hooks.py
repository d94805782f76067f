"""Web hooks over HTTP: subscribing as clients of Kudu do, and what everybody may see of them."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsched.model import Role
from jobsched.storage.deliveries import Attempt
from jobsched.web.hooks import hooks
from tests.support.native import Native, fields_of

URL = "https://example.com/hook?key=k1"


@pytest.fixture
def api(api: Native) -> Native:
    api.app.register_blueprint(hooks)
    return api


def subscribe(client: FlaskClient, path: str = "/api/hooks", **fields: Any) -> dict[str, Any]:
    body = {"url": URL, "event": "TriggeredJobFinished", **fields}
    response = client.post(path, json=body)
    assert response.status_code == 201, response.get_json()
    found: dict[str, Any] = response.get_json()
    return found


@pytest.mark.parametrize("path", ["/api/hooks", "/hooks", "/api/hooks/"])
def test_a_subscription_is_shown_with_the_fields_of_kudu(client: FlaskClient, path: str) -> None:
    made = subscribe(client, path, insecure_ssl=True)

    assert {name: made[name] for name in list(made)[1:]} == {
        "event": "TriggeredJobFinished",
        "url": URL,
        "insecure_ssl": True,
        "last_status": None,
        "last_reason": None,
        "last_datetime": None,
        "last_context": None,
        "events": ["TriggeredJobFinished"],
        "only_failures": False,
        "created_at": made["created_at"],
    }
    assert client.get(path).get_json() == [made]
    shown = client.get(f"/api/hooks/{made['id']}")
    assert shown.get_json() == made
    assert shown.content_type == "application/json; charset=utf-8"


def test_the_client_of_kudu_sends_every_field(client: FlaskClient) -> None:
    empty: dict[str, Any] = dict.fromkeys(
        ("id", "last_status", "last_reason", "last_datetime", "last_context")
    )

    made = subscribe(client, insecure_ssl=False, **empty)

    assert client.get("/api/hooks").get_json() == [made]


@pytest.mark.parametrize(
    "other", [URL, "HTTPS://EXAMPLE.com:443/hook?key=k1", "https://u:p@example.com/hook?key=k1"]
)
def test_an_address_is_subscribed_once(client: FlaskClient, other: str) -> None:
    made = subscribe(client)

    again = client.post("/api/hooks", json={"url": other, "event": "RunFailed"})

    assert again.status_code == 409
    assert again.get_json()["Message"] == f"Web hook {made['id']} has this address already."
    assert len(client.get("/api/hooks").get_json()) == 1


def test_a_hook_is_deleted_and_may_be_deleted_again(client: FlaskClient) -> None:
    made = subscribe(client)

    answers = [client.delete(f"/api/hooks/{made['id']}") for _ in range(2)]

    assert [(each.status_code, each.data) for each in answers] == [(200, b""), (200, b"")]
    missing = client.get(f"/hooks/{made['id']}")
    assert missing.status_code == 404
    assert missing.get_json()["type"] == "/errors/unknown-hook"
    assert client.get(f"/hooks/{made['id']}/deliveries").status_code == 404
    subscribe(client)


@pytest.mark.parametrize("name", ["%00", "x", "..%2f", "%F0%9F%90%B4", "a" * 500])
def test_what_is_no_id_is_none(client: FlaskClient, name: str) -> None:
    assert client.get(f"/api/hooks/{name}").status_code == 404
    assert client.get(f"/api/hooks/{name}/deliveries").status_code == 404
    assert client.delete(f"/api/hooks/{name}").status_code in {200, 404}
    assert client.get(f"/api/settings/{name}").status_code == 404


def test_a_hook_may_want_several_events(client: FlaskClient) -> None:
    made = subscribe(client, events=["RunFailed", "TriggeredJobFinished"], only_failures=True)
    events = ["TriggeredJobFinished", "RunFailed"]

    assert (made["events"], made["only_failures"]) == (events, True)
    only = subscribe(client, url="https://b.example/", event=None, events=["RestartLoop"])
    assert only["event"] == "RestartLoop"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": None}, "url"),
        ({"url": 5}, "url"),
        ({"url": "nowhere"}, "url"),
        ({"url": "http://example.com/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "url"),
        ({"url": "https://example.com/" + "x" * 3000}, "url"),
        ({"event": None}, "event"),
        ({"event": "Nothing"}, "event"),
        ({"event": 5}, "event"),
        ({"events": "RunFailed"}, "events"),
        ({"events": ["Nothing"]}, "event"),
        ({"insecure_ssl": "yes"}, "insecure_ssl"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_can_be_no_subscription_is_refused(
    client: FlaskClient, fields: dict[str, Any], field: str
) -> None:
    body = {"url": URL, "event": "TriggeredJobFinished", **fields}

    assert fields_of(client.post("/api/hooks", json=body)) == [field]
    assert client.get("/api/hooks").get_json() == []


def test_a_password_is_never_shown_again(client: FlaskClient) -> None:
    made = subscribe(client, url="https://user:geheim@example.com/x")

    assert made["url"] == "https://********@example.com/x"
    assert "geheim" not in client.get("/api/hooks").get_data(as_text=True)


def test_only_admins_see_the_whole_address_and_change_hooks(
    api: Native, client: FlaskClient
) -> None:
    made = subscribe(client)
    headers = {"Authorization": f"Bearer {api.guarded.tokens.create(Role.OPERATOR)}"}

    [shown] = client.get("/api/hooks", headers=headers).get_json()

    assert shown["url"] == "https://example.com/********"
    body = {"url": "https://b.example/", "event": "RunFailed"}
    assert client.post("/api/hooks", json=body, headers=headers).status_code == 403
    assert client.delete(f"/hooks/{made['id']}", headers=headers).status_code == 403
    path = "/api/hooks/publish/PostDeployment"
    assert client.post(path, json={}, headers=headers).status_code == 403


def test_what_is_published_waits_for_those_who_want_it(client: FlaskClient) -> None:
    wants = subscribe(client, event="PostDeployment")
    other = subscribe(client, url="https://b.example/", event="RunFailed")

    sent = client.post("/api/hooks/publish/PostDeployment", json={"status": "success"})

    assert (sent.status_code, sent.data) == (200, b"")
    [waiting] = client.get(f"/api/hooks/{wants['id']}/deliveries").get_json()["values"]
    assert (waiting["event"], waiting["state"], waiting["attempts"]) == (
        "PostDeployment",
        "waiting",
        [],
    )
    assert json.loads(waiting["body"]) == {"status": "success"}
    assert client.get(f"/api/hooks/{other['id']}/deliveries").get_json()["values"] == []


@pytest.mark.parametrize(("event", "body"), [("Nothing", {}), ("PostDeployment", [])])
def test_only_known_events_with_an_object_are_published(
    client: FlaskClient, event: str, body: Any
) -> None:
    assert client.post(f"/api/hooks/publish/{event}", json=body).status_code == 400


@pytest.mark.parametrize(
    ("status", "word"), [(200, "OK"), (404, "NotFound"), (599, "599"), (None, "Failure")]
)
def test_the_log_tells_of_every_attempt(
    api: Native, client: FlaskClient, status: int | None, word: str
) -> None:
    made = subscribe(client, event="PostDeployment")
    client.post("/api/hooks/publish/PostDeployment", json={})
    [due] = api.store.deliveries.due(2**60)
    api.store.deliveries.claim(due, "here", 60, 0)
    attempt = Attempt(at_us=1_700_000_000_000_000, status=status, reason="so", seconds=0.25)
    api.store.deliveries.settle(due, attempt, None, "{}")

    [told] = client.get(f"/hooks/{made['id']}/deliveries").get_json()["values"]

    at = "2023-11-14T22:13:20Z"
    assert told["attempts"] == [{"at": at, "status": status, "reason": "so", "seconds": 0.25}]
    assert told["state"] == ("delivered" if status == 200 else "failed")
    shown = client.get(f"/hooks/{made['id']}").get_json()
    assert (shown["last_status"], shown["last_reason"]) == (word, "so")
    assert (shown["last_datetime"], shown["last_context"]) == (at, "{}")


@pytest.mark.parametrize("path", ["/api/command", "/command"])
def test_there_is_no_remote_shell(client: FlaskClient, path: str) -> None:
    answer = client.post(path, json={"command": "id", "dir": "/"})

    assert answer.status_code == 403
    assert "not offered" in answer.get_json()["Message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/zipdeploy"), ("GET", "/api/deployments/latest"), ("GET", "/deployments/1")],
)
def test_there_are_no_deployments_of_whole_sites(
    client: FlaskClient, method: str, path: str
) -> None:
    answer = client.open(path, method=method)

    assert answer.status_code == 404
    assert "/api/zip/site/wwwroot/" in answer.get_json()["Message"]
