"""settings.job over HTTP, the settings of the site that clients steer web jobs with, and roles."""

from collections.abc import Iterator

import pytest

from tests.support.kudu import Kudu
from tests.support.server import Server
from tests.support.waiting import until

KINDS = ("triggered", "continuous")
SITE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/x"
FOR_EVER = "sleep 300\n"


@pytest.fixture(scope="module")
def kudu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kudu]:
    with Server(tmp_path_factory.mktemp("settings")) as server:
        yield Kudu(server)


@pytest.mark.parametrize("kind", KINDS)
def test_JobsSettingsSetSuccessfully(kudu: Kudu, kind: str) -> None:
    kudu.deploy(kind, "set", FOR_EVER)
    url = f"/api/{kind}webjobs/set/settings"
    assert kudu.server.get(url).json() == {}

    response = kudu.server.put(url, json={"one": "1", "nested": {"more": [True, None]}})

    assert (response.status_code, response.content) == (200, b"")
    expected = {"one": "1", "nested": {"more": [True, None]}}
    assert kudu.server.get(url).json() == expected
    assert kudu.job(kind, "set")["settings"] == expected
    kudu.delete(kind, "set")


@pytest.mark.parametrize("kind", KINDS)
def test_settings_of_an_unknown_job_are_a_404(kudu: Kudu, kind: str) -> None:
    url = f"/api/{kind}webjobs/unknown/settings"

    assert kudu.server.get(url).status_code == 404
    assert kudu.server.put(url, json={}).status_code == 404


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"json": {"schedule": "every day"}}, "schedule"),
        ({"json": {"schedule": 5}}, "schedule"),
        ({"json": {"timezone": "Mars/Phobos", "schedule": "0 0 3 * * *"}}, "timezone"),
        ({"json": {"timezone": "Mars/Phobos"}}, "timezone"),
        ({"json": {"stopping_wait_time": "long"}}, "stopping_wait_time"),
        ({"json": {"on_conflict": "explode"}}, "on_conflict"),
        ({"json": [1]}, "object"),
        ({"data": "{", "headers": {"Content-Type": "application/json"}}, "JSON"),
        ({"data": "schedule=1"}, "Content-Type"),
        ({"json": {"big": "x" * 300_000}}, "settings.job"),
    ],
)
def test_bad_settings_are_refused_and_nothing_changes(
    kudu: Kudu, options: dict[str, str], word: str
) -> None:
    kudu.deploy("triggered", "strict", "true\n", kept=1)

    response = kudu.server.put("/api/triggeredwebjobs/strict/settings", **options)

    assert response.status_code == 400, response.text
    assert word in response.text
    assert kudu.job("triggered", "strict")["settings"] == {"kept": 1}


def test_a_schedule_shows_when_it_runs_next(kudu: Kudu) -> None:
    kudu.deploy("triggered", "planned", "true\n", schedule="0 30 4 1 1 *")
    assert kudu.job("triggered", "planned")["next_run"].endswith("-01-01T04:30:00.000000Z")

    kudu.server.put("/api/triggeredwebjobs/planned/settings", json={})

    assert kudu.job("triggered", "planned")["next_run"] is None


def test_a_scheduled_run_tells_its_schedule(kudu: Kudu) -> None:
    kudu.deploy("triggered", "ticking", "true\n", schedule="*/2 * * * * *")

    run = until(lambda: kudu.history("ticking"), 15, "it runs by its schedule")[0]

    even = ",".join(str(second) for second in range(0, 60, 2))
    assert run["trigger"] == f"Schedule - {even} * * * * *"
    kudu.delete("triggered", "ticking")


def test_stopped_web_jobs_refuse_a_run(kudu: Kudu) -> None:
    kudu.deploy("triggered", "held", "true\n")
    kudu.set(WEBJOBS_STOPPED="1")

    response = kudu.server.post("/api/triggeredwebjobs/held/run")

    assert response.status_code == 409
    assert "WEBJOBS_STOPPED" in response.text
    kudu.unset("WEBJOBS_STOPPED")
    assert kudu.run("held")["status"] == "Success"


def test_the_environment_tells_the_version(kudu: Kudu) -> None:
    for path in ("/api/environment", "/environment"):
        assert set(kudu.server.get(path).json()) >= {"version"}


def test_credentials_are_ignored_while_no_token_exists(kudu: Kudu) -> None:
    assert kudu.server.get("/api/webjobs", auth=("$site", "password")).status_code == 200


@pytest.fixture(scope="module")
def guarded(kudu: Kudu) -> Iterator[dict[str, tuple[str, str]]]:
    """Tokens of each role as a client of Kudu sends them: as the password of basic auth."""
    kudu.deploy("triggered", "guarded", "true\n")
    kudu.deploy("continuous", "guarded", FOR_EVER)
    made, auth = {}, None
    for role in ("admin", "operator", "viewer"):
        body = {"name": role, "role": role}
        made[role] = kudu.server.post("/tokens", json=body, auth=auth).json()
        auth = ("$site", made["admin"]["token"])
    yield {role: ("$site", token["token"]) for role, token in made.items()}
    for token in made.values():
        kudu.server.delete(f"/tokens/{token['id']}", auth=auth)


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_secrets_in_settings_are_for_admins(
    kudu: Kudu, guarded: dict[str, tuple[str, str]], role: str
) -> None:
    body = {"env": {"PLAIN": "topsecret"}, "api_key": ["topsecret"], "on": "a://u:topsecret@b"}
    url = "/api/triggeredwebjobs/guarded"
    kudu.server.put(f"{url}/settings", json=body, auth=guarded["admin"])

    paths = [f"{url}/settings", url, "/api/webjobs", f"{SITE}/webjobs", f"{SITE}/webjobs/guarded"]
    shown = [kudu.server.get(path, auth=guarded[role]) for path in paths]

    assert [answer.status_code for answer in shown] == [200] * len(paths)
    assert not [answer.text for answer in shown if "topsecret" in answer.text]
    assert shown[0].json()["env"] == {"PLAIN": "********"}
    assert kudu.server.get(f"{url}/settings", auth=guarded["admin"]).json() == body


@pytest.mark.parametrize(
    ("role", "method", "path"),
    [
        ("viewer", "GET", "/api/webjobs"),
        ("viewer", "GET", "/api/triggeredwebjobs/guarded/history"),
        ("operator", "POST", "/api/triggeredwebjobs/guarded/run"),
        ("operator", "POST", "/api/triggeredwebjobs/guarded/stop"),
        ("operator", "POST", "/api/continuouswebjobs/guarded/stop"),
        ("operator", "POST", "/api/continuouswebjobs/guarded/start"),
        ("admin", "PUT", "/api/triggeredwebjobs/guarded/settings"),
        ("admin", "PUT", "/api/triggeredwebjobs/guarded"),
        ("admin", "POST", "/api/triggeredwebjobs/guarded/rollback"),
        ("admin", "POST", "/api/continuouswebjobs/guarded/singleton?isSingleton=true"),
        ("admin", "DELETE", "/api/triggeredwebjobs/nobody"),
        (
            "operator",
            "POST",
            f"{SITE}/triggeredwebjobs/guarded/run",
        ),
    ],
)
def test_each_verb_needs_its_role(
    kudu: Kudu, guarded: dict[str, tuple[str, str]], role: str, method: str, path: str
) -> None:
    roles = ["viewer", "operator", "admin"]
    below = roles[roles.index(role) - 1] if role != "viewer" else None
    without = ("$site", "wrong") if below is None else guarded[below]

    refused = kudu.server.request(method, path, auth=without)
    allowed = kudu.server.request(method, path, auth=guarded[role])

    assert refused.status_code == (401 if below is None else 403)
    assert not refused.headers["Content-Type"].startswith("text/html")
    assert allowed.status_code not in {401, 403}, allowed.text
