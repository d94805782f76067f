"""The official library of Azure, and requests as Azure's resource manager passes them on."""

from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ResourceNotFoundError
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.mgmt.web import WebSiteManagementClient

from tests.support.kudu import Kudu
from tests.support.server import Server
from tests.support.waiting import until

GROUP, SITE = "group", "site"
BASE = f"/subscriptions/sub/resourceGroups/{GROUP}/providers/Microsoft.Web/sites/{SITE}"
HERE = {"x-ms-geo-location": "West Europe"}


class NoAuth(SansIOHTTPPolicy[Any, Any]):
    """Adds nothing: the server is our own."""

    def on_request(self, request: PipelineRequest[Any]) -> None:
        request.http_request.headers.pop("Authorization", None)


class NoCredential:
    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken("none", 2**31)


@pytest.fixture(scope="module")
def kudu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kudu]:
    with Server(tmp_path_factory.mktemp("arm")) as server:
        kudu = Kudu(server)
        kudu.deploy("triggered", "task", 'echo out; echo oops >&2; test -z "$1"\n', kept=1)
        kudu.deploy("continuous", "daemon", "sleep 300\n")
        kudu.becomes("daemon", "Running")
        assert kudu.run("task")["status"] == "Success"
        yield kudu


@pytest.fixture(scope="module")
def apps(kudu: Kudu) -> Iterator[Any]:
    with WebSiteManagementClient(
        NoCredential(), "sub", base_url=kudu.server.url, authentication_policy=NoAuth()
    ) as client:
        yield client.web_apps


def test_the_library_lists_all_jobs(apps: Any) -> None:
    found = [(job.name, job.properties.web_job_type) for job in apps.list_web_jobs(GROUP, SITE)]

    assert found == [(f"{SITE}/task", "Triggered"), (f"{SITE}/daemon", "Continuous")]


def test_the_library_shows_a_triggered_job(kudu: Kudu, apps: Any) -> None:
    [listed] = apps.list_triggered_web_jobs(GROUP, SITE)

    job = apps.get_triggered_web_job(GROUP, SITE, "task")

    ours = kudu.job("triggered", "task")
    assert listed == job
    assert job.id == f"{BASE}/triggeredwebjobs/task"
    assert (job.name, job.type) == (f"{SITE}/task", "Microsoft.Web/sites/triggeredwebjobs")
    assert job.properties.run_command == "run.sh"
    assert job.properties.settings == {"kept": 1}
    assert job.properties.history_url == ours["history_url"]
    assert job.properties.latest_run.status == "Success"
    assert job.properties.latest_run.web_job_name == "task"
    assert job.properties.latest_run.output_url == ours["latest_run"]["output_url"]


def test_the_library_runs_a_job_and_reads_its_history(kudu: Kudu, apps: Any) -> None:
    before = len(kudu.history("task"))

    apps.run_triggered_web_job(GROUP, SITE, "task")

    def ended() -> Any:
        entries = list(apps.list_triggered_web_job_history(GROUP, SITE, "task"))
        runs = [run for entry in entries for run in entry.properties.runs]
        return runs if len(runs) > before and runs[0].status == "Success" else None

    runs = until(ended, message="the new run is in the history")
    run = apps.get_triggered_web_job_history(GROUP, SITE, "task", runs[0].web_job_id)
    assert run.properties.runs[0].web_job_id == runs[0].web_job_id
    assert runs[0].end_time > runs[0].start_time
    assert runs[0].trigger.startswith("External - azsdk-python-mgmt-web")


def test_the_library_reads_a_run_that_has_not_ended(kudu: Kudu, apps: Any) -> None:
    kudu.deploy("triggered", "long", "sleep 300\n")
    kudu.start("long")

    [entry] = apps.list_triggered_web_job_history(GROUP, SITE, "long")

    assert entry.properties.runs[0].status in {"Initializing", "Running"}
    assert entry.properties.runs[0].end_time.year == 1
    kudu.asked("POST", "/api/triggeredwebjobs/long/stop")
    kudu.delete("triggered", "long")


def test_the_library_steers_a_continuous_job(kudu: Kudu, apps: Any) -> None:
    [listed] = apps.list_continuous_web_jobs(GROUP, SITE)
    assert listed.properties.status == "Running"

    apps.stop_continuous_web_job(GROUP, SITE, "daemon")
    stopped = apps.get_continuous_web_job(GROUP, SITE, "daemon").properties.status
    apps.start_continuous_web_job(GROUP, SITE, "daemon")

    assert stopped == "Stopped"
    kudu.becomes("daemon", "Running")


def test_the_library_works_on_a_slot(kudu: Kudu, apps: Any) -> None:
    job = apps.get_triggered_web_job_slot(GROUP, SITE, "task", "staging")

    assert job.name == f"{SITE}/staging/task"
    assert job.id == f"{BASE}/slots/staging/triggeredwebjobs/task"
    assert next(iter(apps.list_web_jobs_slot(GROUP, SITE, "staging"))).name == job.name


def test_the_library_deletes_jobs_of_both_types(kudu: Kudu, apps: Any) -> None:
    kudu.deploy("triggered", "doomed", "true\n")
    kudu.deploy("continuous", "doomed", "sleep 300\n")

    apps.delete_triggered_web_job(GROUP, SITE, "doomed")
    apps.delete_continuous_web_job(GROUP, SITE, "doomed")

    assert "doomed" not in kudu.names("triggered") + kudu.names("continuous")


def test_the_library_is_told_what_is_unknown(apps: Any) -> None:
    with pytest.raises(ResourceNotFoundError, match="unknown") as refused:
        apps.get_web_job(GROUP, SITE, "unknown")

    assert refused.value.status_code == 404
    assert refused.value.error is not None
    assert refused.value.error.code == "NotFound"


def test_errors_have_the_form_of_arm(kudu: Kudu) -> None:
    for path, options in (
        (f"{BASE}/triggeredwebjobs/unknown/run", {}),
        ("/api/triggeredwebjobs/unknown/run", {"headers": HERE}),
        ("/subscriptions/sub/nonsense", {}),
    ):
        response = kudu.server.post(path, **options)
        assert response.status_code == 404
        assert list(response.json()["error"]) == ["code", "message"]


def test_a_request_through_arm_gets_envelopes(kudu: Kudu) -> None:
    job = kudu.server.get("/api/triggeredwebjobs/task", headers=HERE).json()
    jobs = kudu.server.get("/api/webjobs", headers=HERE).json()
    runs = kudu.server.get("/api/triggeredwebjobs/task/history", headers=HERE).json()

    assert list(job) == ["id", "name", "type", "location", "properties"]
    assert (job["name"], job["location"]) == ("task", "West Europe")
    assert job["properties"] == kudu.job("triggered", "task")
    assert [each["name"] for each in jobs["value"]] == ["task", "daemon"]
    assert [each["properties"] for each in runs["value"]] == kudu.history("task")


def test_a_run_through_arm_is_answered_with_200(kudu: Kudu) -> None:
    response = kudu.server.post("/api/triggeredwebjobs/task/run", headers=HERE)

    assert response.status_code == 200
    kudu.ended(response.headers["Location"])
