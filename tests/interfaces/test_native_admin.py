"""The native API: catalog, tokens, pausing everything, reloading, status, roles."""

import os
from datetime import timedelta
from pathlib import Path

from flask.testing import FlaskClient

from jobsched import auth, clock
from jobsched.model import Role
from jobsched.operations import parts
from jobsched.web.audit import AuditRow
from tests.support.native import CATALOG, Native, iso, shown, write_configuration


def row(who: str, what: str, target: str, at_us: int) -> AuditRow:
    return AuditRow(
        at_us=at_us,
        who=who,
        source="127.0.0.1",
        what=what,
        target=target,
        status=200,
        request_id="r",
    )


def test_the_catalog_names_tasks_in_the_order_of_the_file(client: FlaskClient) -> None:
    assert client.get("/catalog").get_json() == {"tasks": ["example", "other"]}


def test_a_task_is_shown_without_its_secrets(client: FlaskClient) -> None:
    assert client.get("/catalog/example").get_json() == {
        "name": "example",
        "file": "example.py",
        "class": "Example",
        "arguments": {"phrase": "foo", "api_token": "********"},
        "params": ["who", "greeting"],
        "policy": {"isolation": "warm", "timeout": 7.0},
        "description": "Says a phrase.",
        "url": "http://localhost/catalog/example",
    }


def test_a_token_is_shown_once(api: Native, client: FlaskClient) -> None:
    expires = (clock.now() + timedelta(days=1)).isoformat().replace("+00:00", "Z")

    made = client.post("/tokens", json={"name": "ci", "role": "operator", "expires_at": expires})

    body = made.get_json()
    token = body.pop("token")
    assert made.status_code == 201
    assert body == {"id": 1, "name": "ci", "role": "operator", "expires_at": expires}
    stored = api.store.tokens.by_digest(auth.digest(token))
    assert stored is not None
    assert stored.role is Role.OPERATOR
    listed = client.get("/tokens")
    assert [each["name"] for each in listed.get_json()["values"]] == ["ci"]
    assert token not in listed.get_data(as_text=True)
    assert stored.digest not in listed.get_data(as_text=True)


def test_no_two_valid_tokens_have_one_name(api: Native, client: FlaskClient) -> None:
    body = {"name": "ci", "role": "viewer"}
    api.store.tokens.add("ci", Role.VIEWER, "0" * 64, expires_us=1)

    first, second = client.post("/tokens", json=body), client.post("/tokens", json=body)

    assert (first.status_code, second.status_code) == (201, 409)
    assert second.get_json()["detail"] == "Token 2 is named 'ci' as well and still valid."
    client.delete("/tokens/2")
    assert client.post("/tokens", json=body).status_code == 201


def test_a_revoked_token_is_gone(client: FlaskClient) -> None:
    client.post("/tokens", json={"name": "ci", "role": "viewer"})

    first, second = client.delete("/tokens/1"), client.delete("/tokens/1")

    assert (first.status_code, first.data) == (204, b"")
    assert second.status_code == 404
    assert client.get("/tokens").get_json()["values"] == []


def test_everything_is_paused_and_goes_on(api: Native, client: FlaskClient) -> None:
    until = (clock.now() + timedelta(days=1)).isoformat().replace("+00:00", "Z")

    paused = client.post("/pause", json={"reason": "upgrade"}).get_json()
    longer = client.post("/pause", json={"until": until}).get_json()
    resumed = client.post("/resume").get_json()

    assert (paused["paused"], paused["by"], paused["reason"]) == (True, "loopback", "upgrade")
    assert (longer["since"], longer["until"]) == (paused["since"], until)
    assert resumed == {"paused": False, "since": None, "until": None, "by": None, "reason": None}
    assert client.post("/resume").get_json() == resumed
    assert api.woken.count("scheduler") == 3


def test_a_reload_brings_new_tasks(api: Native, client: FlaskClient, tmp_path: Path) -> None:
    write_configuration(tmp_path, CATALOG + "\n[third]\nfile=example.py\nclass=Other\n")

    response = client.post("/reload")

    assert response.get_json() == {
        "tasks": ["example", "other", "third"],
        "calendars": [],
        "restart_needed": [],
    }
    assert client.get("/catalog").get_json()["tasks"][-1] == "third"
    assert (api.store.switches.get("configuration") or {})["by"] == "loopback"
    assert "supervisor" in api.woken


def test_a_broken_configuration_changes_nothing(client: FlaskClient, tmp_path: Path) -> None:
    write_configuration(tmp_path, "[a]\nfile=nope.py\nclass=X\n[b]\nfile=example.py\nclass=Y\n")

    response = client.post("/reload")

    assert response.status_code == 400
    places = [error["field"] for error in response.get_json()["errors"]]
    assert len(places) == 2
    assert all("catalog.cfg" in place for place in places)
    assert client.get("/catalog").get_json() == {"tasks": ["example", "other"]}


def test_a_job_whose_task_left_the_catalog_stays(
    api: Native, client: FlaskClient, tmp_path: Path
) -> None:
    path = api.schedule(task="other")
    write_configuration(tmp_path, CATALOG.partition("[other]")[0])
    client.post("/reload")

    assert client.get(path).get_json()["task"] == "other"
    assert client.put(path, json={"name": "still here"}).status_code == 200
    assert client.post(f"{path}/run").status_code == 409


def test_the_status_tells_of_the_parts(api: Native, client: FlaskClient) -> None:
    now_us = clock.now_us()
    api.store.leases.take("scheduler", "me", 10)
    api.store.nodes.beat(
        name="here", boot_id="b", capacity=4, started_us=now_us, now_us=now_us, facts={"layers": []}
    )
    parts.signs(api.settings.data_dir, "web", lambda: None)
    api.schedule()
    api.start()

    status = client.get("/status").get_json()

    (web,) = status["parts"]
    assert (web["name"], web["pid"], web["alive"]) == ("web", os.getpid(), True)
    assert web["started_at"].endswith("Z")
    assert web["heartbeat_at"].endswith("Z")
    assert status["leader"] == {"owner": "me", "epoch": 1}
    assert [(node["name"], node["alive"]) for node in status["nodes"]] == [("here", True)]
    assert (status["jobs"], status["runs"]) == ({"active": 1}, {"queued": 1})
    assert status["queue"]["waiting"] == 1
    assert status["queue"]["by_queue"] == {"default": 1}
    assert status["scheduling"]["paused"] is False


def test_the_audit_log_is_listed_newest_first_by_filters_and_pages(
    api: Native, client: FlaskClient
) -> None:
    now_us = clock.now_us()
    api.store.audit.add([row("ann", "POST /jobs", "/jobs/1", now_us - 60_000_000)])
    api.store.audit.add([row("bob", "DELETE /jobs/<uuid:job_id>", "/jobs/2", now_us)])

    def listed(query: str) -> list[str]:
        return [each["who"] for each in shown(client, f"/audit?{query}")["values"]]

    assert listed("") == ["bob", "ann"]
    assert listed("who=ann") == ["ann"]
    assert listed("what=delete") == ["bob"]
    assert listed("what=/jobs/1") == ["ann"]
    assert listed(f"since={iso(clock.from_us(now_us))}") == ["bob"]
    first = shown(client, "/audit?limit=1")
    assert first["values"][0] == {
        "id": 2,
        "at": iso(clock.from_us(now_us)),
        "who": "bob",
        "source": "127.0.0.1",
        "what": "DELETE /jobs/<uuid:job_id>",
        "target": "/jobs/2",
        "status": 200,
        "request_id": "r",
    }
    second = shown(client, first["next"].removeprefix("http://localhost"))
    assert ([each["who"] for each in second["values"]], second["next"]) == (["ann"], None)


VIEWER = ["/jobs", "/runs", "/catalog", "/status", "/openapi.json", "JOB", "JOB/runs", "RUN"]
VIEWER += ["JOB/retries"]
OPERATOR = ["/runs", "JOB/run", "JOB/pause", "JOB/resume", "/pause", "/resume", "RUN/stop"]
OPERATOR += ["RUN/retry", "JOB/retry", "JOB/retries/1/retry", "/runs/retry"]
ADMIN = [("POST", "/jobs"), ("PUT", "JOB"), ("DELETE", "JOB"), ("POST", "/reload")]
ADMIN += [("GET", "/audit"), ("POST", "/tokens"), ("GET", "/tokens"), ("DELETE", "/tokens/1")]


def test_each_route_needs_its_role(api: Native, client: FlaskClient) -> None:
    job, run = api.schedule(), f"/runs/{api.start()}"
    routes = [("GET", path, Role.VIEWER) for path in VIEWER]
    routes += [("POST", path, Role.OPERATOR) for path in OPERATOR]
    routes += [("PUT", "JOB/retries/retry", Role.OPERATOR)]
    routes += [(method, path, Role.ADMIN) for method, path in ADMIN]
    tokens = {role: api.guarded.tokens.create(role) for role in Role}

    for method, name, needed in routes:
        path = name.replace("JOB", job).replace("RUN", run)
        for role, token in tokens.items():
            headers = {"Authorization": f"Bearer {token}"}
            # The body is wrong wherever one is taken: whoever may come in gets anything but 403.
            body = None if method == "GET" else {"nonsense": 1}
            response = client.open(path, method=method, json=body, headers=headers)
            assert (response.status_code != 403) == role.allows(needed), (method, path, role)
        assert client.open(path, method=method).status_code == 401
