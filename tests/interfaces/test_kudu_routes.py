"""Addresses of web jobs: all prefixes, lists, names, and what is no address at all."""

from collections.abc import Iterator

import pytest
import requests

from tests.support.kudu import Kudu
from tests.support.server import Server
from tests.support.waiting import until

PREFIXES = (
    "/api/triggeredwebjobs", "/api/triggeredjobs", "/jobs/triggered", "/api/jobs/triggered",
)  # fmt: skip


@pytest.fixture(scope="module")
def kudu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kudu]:
    with Server(tmp_path_factory.mktemp("routes")) as server:
        yield Kudu(server)


@pytest.fixture(scope="module")
def ran(kudu: Kudu) -> str:
    kudu.deploy("triggered", "ran", "true\n")
    kudu.run("ran")
    return "ran"


@pytest.mark.parametrize("prefix", PREFIXES)
def test_all_prefixes_serve_the_same_with_and_without_a_slash(
    kudu: Kudu, ran: str, prefix: str
) -> None:
    usual = kudu.server.get(f"/api/triggeredwebjobs/{ran}").json()

    for slash in ("", "/"):
        assert kudu.server.get(f"{prefix}/{ran}{slash}").json() == usual
        assert ran in [job["name"] for job in kudu.server.get(prefix + slash).json()]
        assert kudu.server.get(f"{prefix}/{ran}/history{slash}").json()["runs"]
        assert kudu.server.get(f"{prefix}/{ran}/settings{slash}").json() == {}
        assert kudu.server.post(f"{prefix}/unknown/run{slash}").status_code == 404


@pytest.mark.parametrize("path", ["/api/webjobs", "/api/jobs", "/api/webjobs/"])
def test_W17_all_jobs_are_listed_triggered_ones_first(kudu: Kudu, ran: str, path: str) -> None:
    kudu.deploy("continuous", "always", "sleep 300\n")

    jobs = kudu.server.get(path).json()

    types = [job["type"] for job in jobs]
    assert types == sorted(types, reverse=True)
    assert {ran, "always"} <= {job["name"] for job in jobs}
    kudu.delete("continuous", "always")


def test_W17_the_native_list_holds_web_jobs_too(kudu: Kudu, ran: str) -> None:
    listed = kudu.server.get("/jobs?task=WebJob").json()

    assert ran in [job["name"] for job in listed["values"]]


def test_a_list_has_an_entity_tag(kudu: Kudu, ran: str) -> None:
    tag = kudu.server.get("/api/triggeredwebjobs").headers["ETag"]

    same = kudu.server.get("/api/triggeredwebjobs", headers={"If-None-Match": tag})

    assert (same.status_code, same.content) == (304, b"")


def test_W4_a_folder_without_a_script_shows_only_when_asked_for(kudu: Kudu) -> None:
    kudu.copy("triggered", "empty", {"readme.txt": "nothing to run"})

    def shown() -> dict[str, str] | None:
        jobs = kudu.server.get("/api/triggeredwebjobs?include_errors=1").json()
        return next((job for job in jobs if job["name"] == "empty"), None)

    broken = until(shown, message="the broken job is listed")

    assert broken is not None
    assert "no script" in broken["error"]
    assert "empty" not in kudu.names("triggered")
    assert kudu.server.get("/api/triggeredwebjobs/empty").status_code == 404
    assert kudu.server.get("/api/triggeredwebjobs/empty?include_errors=1").status_code == 200


def test_the_sdk_marker_sets_using_sdk(kudu: Kudu, ran: str) -> None:
    marker = kudu.data("triggered", ran) / "webjobssdk.marker"
    marker.touch()

    assert kudu.job("triggered", ran)["using_sdk"] is True
    marker.unlink()
    assert kudu.job("triggered", ran)["using_sdk"] is False


def test_names_match_exactly_else_without_case(kudu: Kudu) -> None:
    kudu.deploy("triggered", "MixedCase", "true\n")

    assert kudu.job("triggered", "mixedcase")["name"] == "MixedCase"
    assert kudu.run("MIXEDCASE")["job_name"] == "MixedCase"


@pytest.mark.parametrize(
    "name", ["..", "%2e%2e", "a%2fb", "a%5cb", "a%00b", ".hidden", "a.b", "(x)", "-a", "x" * 65]
)
def test_W46_such_names_never_reach_the_file_system(kudu: Kudu, name: str) -> None:
    before = sorted(kudu.server.data.rglob("*"))
    headers = {"Content-Disposition": "attachment; filename=run.sh"}
    url = f"{kudu.server.url}/api/triggeredwebjobs/{name}"

    answers = [
        _raw(kudu, "PUT", url, headers).status_code,
        *(_raw(kudu, verb, f"{url}{path}", {}).status_code for verb, path in _REQUESTS),
    ]

    assert all(400 <= status < 500 for status in answers), answers
    assert [path for path in kudu.folder("triggered").iterdir() if path.name == name] == []
    assert {path.name for path in kudu.server.data.rglob("*")} >= {path.name for path in before}


_REQUESTS = (("GET", ""), ("GET", "/history"), ("POST", "/run"), ("GET", "/settings"))


def _raw(kudu: Kudu, method: str, url: str, headers: dict[str, str]) -> requests.Response:
    request = requests.Request(method, url, headers=headers, data=b"echo").prepare()
    request.url = url  # as it is: no dots taken out
    with requests.Session() as session:
        return session.send(request, allow_redirects=False)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/nonsense"),
        ("GET", "/api"),
        ("GET", "/jobs/triggered/ran/nonsense"),
        ("POST", "/api/webjobs/ran/run"),
        ("GET", "/api/triggeredwebjobs/ran/history/1/2"),
    ],
)
def test_any_other_address_says_that_it_is_none(kudu: Kudu, method: str, path: str) -> None:
    response = kudu.server.request(method, path)

    assert response.status_code == 404
    assert response.text == f"No route registered for '{path}'\n"


def test_another_method_is_refused(kudu: Kudu) -> None:
    response = kudu.server.get("/api/triggeredwebjobs/ran/run")

    assert response.status_code == 405
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_the_swagger_document_has_each_job(kudu: Kudu, ran: str) -> None:
    document = kudu.server.get("/api/triggeredwebjobsswagger").json()

    post = document["paths"][f"/api/triggeredjobs/{ran}/run"]["post"]
    assert document["swagger"] == "2.0"
    assert [each["name"] for each in post["parameters"]] == ["arguments"]
