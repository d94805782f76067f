"""Web jobs in the core interface: jobs like others, but what they are stands in their folders."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.native import Native, shown
from tests.support.webjobs import CONTINUOUS, TRIGGERED, put


@pytest.fixture
def path(api: Native) -> str:
    put(api.operations.webjobs.site, TRIGGERED, "a job", schedule="0 0 3 * * *")
    api.operations.webjobs.sync()
    return f"/jobs/{api.operations.webjobs.get(TRIGGERED, 'a job').job.id}"


def test_web_jobs_are_in_the_list(client: FlaskClient, path: str) -> None:
    (job,) = shown(client, "/jobs")["values"]

    assert job["url"].endswith(path)
    assert (job["task"], job["mode"], job["name"]) == ("WebJob", "scheduled", "a job")
    assert job["trigger"]["cron"] == {"expression": "0 0 3 * * *", "dialect": "ncrontab"}


def test_a_web_job_is_not_deleted_without_its_folder(client: FlaskClient, path: str) -> None:
    response = client.delete(path)

    assert response.status_code == 409
    problem = response.get_json()
    assert problem["type"] == "/errors/web-job-folder"
    assert "/api/triggeredwebjobs/a%20job" in problem["detail"]
    assert shown(client, path)["state"] == "active"


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"task": "example"},
        {"timeout": 5},
        {"cron": "* * * * *"},
        {"mode": "triggered"},
        {"retries": {"max": 3}},
        {"params": {"arguments": "x"}},
    ],
)
def test_a_web_job_is_changed_by_its_settings_only(
    client: FlaskClient, path: str, change: dict[str, Any]
) -> None:
    before = shown(client, path)

    response = client.put(path, json=change)

    assert response.status_code == 409, response.get_json()
    assert response.get_json()["type"] == "/errors/web-job-folder"
    assert shown(client, path) == before


def test_what_get_shows_can_be_put_back(api: Native, client: FlaskClient, path: str) -> None:
    put(api.operations.webjobs.site, CONTINUOUS, "loop")
    api.operations.webjobs.sync()
    loop = f"/jobs/{api.operations.webjobs.get(CONTINUOUS, 'loop').job.id}"

    for each in (path, loop):
        before = shown(client, each)
        response = client.put(each, json=before)
        assert response.status_code == 200, response.get_json()
        assert shown(client, each) == before


def test_a_web_job_can_be_paused_and_resumed(client: FlaskClient, path: str) -> None:
    assert client.put(path, json={"paused": True}).get_json()["state"] == "paused"
    assert client.post(f"{path}/resume").get_json()["state"] == "active"


def test_no_web_job_is_run_while_they_are_stopped(
    api: Native, client: FlaskClient, path: str
) -> None:
    api.operations.app_settings.put({"WEBJOBS_STOPPED": "1"}, "me")
    assert client.post(f"{path}/run").status_code == 409

    api.operations.app_settings.put({"WEBJOBS_STOPPED": "0"}, "me")
    assert client.post(f"{path}/run").status_code == 202


def test_nobody_makes_a_web_job_by_a_request(client: FlaskClient) -> None:
    job = {"task": "WebJob", "name": "x", "mode": "triggered"}

    assert client.post("/jobs", json=job).status_code == 404
    assert client.post("/runs", json={"task": "WebJob"}).status_code == 404
    assert client.get("/catalog/WebJob").status_code == 404
    assert "WebJob" not in shown(client, "/catalog")["tasks"]
