"""App settings over HTTP, as clients of Kudu read and change them."""

import logging
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsched import events
from jobsched.events import Event
from jobsched.model import Role
from jobsched.web.hooks import hooks
from tests.support.native import Native, fields_of
from tests.support.server import Server
from tests.support.waiting import until


@pytest.fixture
def api(api: Native) -> Native:
    api.app.register_blueprint(hooks)
    return api


@pytest.mark.parametrize("path", ["/api/settings", "/settings", "/settings/"])
def test_settings_are_added_and_shown(client: FlaskClient, path: str) -> None:
    sent = client.post(path, json={"COLOUR": "red", "SIZE": 5, "SURE": True})

    assert (sent.status_code, sent.data) == (204, b"")
    assert "Content-Type" not in sent.headers
    shown = client.get(path)
    assert shown.get_json() == {"COLOUR": "red", "SIZE": "5", "SURE": "true"}
    assert shown.content_type == "application/json; charset=utf-8"


def test_one_setting_is_a_text(client: FlaskClient) -> None:
    client.post("/api/settings", json={"key": "COLOUR", "value": "red"})

    assert client.get("/api/settings/COLOUR").data == b'"red"\n'
    assert client.get("/api/settings").get_json() == {"COLOUR": "red"}


def test_what_is_not_sent_stays(client: FlaskClient) -> None:
    client.post("/api/settings", json={"A": "1", "B": "2"})

    client.post("/api/settings", json={"B": "3"})

    assert client.get("/api/settings").get_json() == {"A": "1", "B": "3"}


def test_a_deleted_setting_is_gone_and_may_be_deleted_again(client: FlaskClient) -> None:
    client.post("/api/settings", json={"A": "1"})

    answers = [client.delete("/settings/A").status_code for _ in range(2)]

    assert answers == [204, 204]
    missing = client.get("/api/settings/A")
    assert missing.status_code == 404
    assert missing.get_json()["Message"] == "There is no app setting named 'A'."
    assert missing.get_json()["type"] == "/errors/unknown-setting"


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"a b": "1"}, "a b"),
        ({"": "1"}, ""),
        ({"a=b": "1"}, "a=b"),
        ({"x" * 129: "1"}, "x" * 100),
        ({"jobsched_run_id": "1"}, "jobsched_run_id"),
        ({"A": None}, "A"),
        ({"A": ["1"]}, "A"),
        ({"A": "x" * 32_768}, "A"),
        ({"A": "\0"}, "A"),
        ({"key": 5, "value": "x"}, "key"),
        ({"key": "a b", "value": "x"}, "a b"),
    ],
)
def test_what_can_be_no_setting_is_refused(
    client: FlaskClient, sent: dict[str, Any], field: str
) -> None:
    assert fields_of(client.post("/api/settings", json=sent)) == [field]
    assert client.get("/api/settings").get_json() == {}


def test_no_more_is_kept_than_an_environment_holds(client: FlaskClient) -> None:
    many = client.post("/api/settings", json={f"A{number}": "x" for number in range(501)})
    for number in range(16):
        client.post("/api/settings", json={f"B{number}": "x" * 32_000})
    large = client.post("/api/settings", json={"C": "x" * 32_000})

    assert fields_of(many) == ["settings"]
    assert fields_of(large) == ["settings"]
    assert client.get("/api/settings/C").status_code == 404


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"a": 1, "a": 2}', b'{"a": NaN}'])
def test_a_body_that_is_no_object_is_refused(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/api/settings", data=body, content_type="application/json")

    assert answer.status_code == 400


def test_secrets_are_for_admins_and_changes_too(api: Native, client: FlaskClient) -> None:
    kept = {"WEBJOBS_STOPPED": "0", "SCM_X": "5", "WEBSITE_TIME_ZONE": "UTC"}
    client.post("/api/settings", json={"DB_PASSWORD": "x1", "AzureWebJobsStorage": "key=x", **kept})
    token = api.guarded.tokens.create(Role.OPERATOR)
    headers = {"Authorization": f"Bearer {token}"}

    shown = client.get("/api/settings", headers=headers).get_json()

    assert shown == {"DB_PASSWORD": "********", "AzureWebJobsStorage": "********", **kept}
    assert client.get("/settings/DB_PASSWORD", headers=headers).get_json() == "********"
    assert client.post("/settings", json={"A": "1"}, headers=headers).status_code == 403
    assert client.delete("/settings/COLOUR", headers=headers).status_code == 403


def test_a_change_is_told_without_its_values_and_wakes_everybody(
    api: Native, client: FlaskClient
) -> None:
    heard: list[Event] = []
    end = events.listen(heard.append)

    client.post("/api/settings", json={"B": "secret", "A": "1"})
    client.post("/api/settings", json={})
    client.delete("/api/settings/C")
    end()

    fields: dict[str, object] = {"by": "loopback", "names": "A B"}
    assert heard == [Event(name="app settings changed", level=logging.INFO, fields=fields)]
    assert api.woken == ["scheduler", "supervisor", "web"]


def test_settings_outlive_the_server(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        server.post("/api/settings", json={"WEBJOBS_STOPPED": "1"})
        server.restart()

        assert server.get("/settings").json() == {"WEBJOBS_STOPPED": "1"}


def test_stopped_web_jobs_stop_at_once_and_go_on_afterwards(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        for kind in ("triggered", "continuous"):
            folder = server.data / "site" / "wwwroot" / "App_Data" / "jobs" / kind / "one"
            folder.mkdir(parents=True)
            (folder / "run.sh").write_text("sleep 1000\n", encoding="utf-8")

        def status() -> str:
            answer = server.get("/api/continuouswebjobs/one")
            return str(answer.json()["status"]) if answer.status_code == 200 else "none"

        until(lambda: status() == "Running", 30, "it does not run")
        server.post("/api/settings", json={"WEBJOBS_STOPPED": "1"})
        until(lambda: status() == "Stopped", 15, "it does not stop")
        refused = server.post("/api/triggeredwebjobs/one/run")
        server.delete("/api/settings/WEBJOBS_STOPPED")
        until(lambda: status() == "Running", 15, "it does not go on")

        assert refused.status_code == 409
        assert server.post("/api/triggeredwebjobs/one/run").status_code == 202
