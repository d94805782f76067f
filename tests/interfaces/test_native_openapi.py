"""The OpenAPI document says what the routes do: all of them, and nothing else."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import validate

from jobsched.app.composition import INTERFACES
from jobsched.web import openapi
from jobsched.web.payloads import (
    AuditList,
    CatalogAnswer,
    JobAnswer,
    JobList,
    OccurrenceList,
    PausedAnswer,
    Payload,
    ReloadAnswer,
    RetryManyAnswer,
    RunAnswer,
    RunList,
    StatusAnswer,
    TaskAnswer,
    TokenList,
    UpcomingList,
)
from tests.support.native import Native, finish, native_api
from tests.support.web import guarded_app


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Native]:
    with native_api(tmp_path_factory.mktemp("api")) as made:
        yield made


@pytest.fixture
def client(api: Native) -> FlaskClient:
    return api.client()


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    body: dict[str, Any] = client.get("/openapi.json").get_json()
    return body


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    validate(document)

    assert document["openapi"].startswith("3.1")


def test_every_route_is_in_the_document_and_no_other(api: Native, document: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in api.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    described = {(path, method) for path, item in document["paths"].items() for method in item}

    assert described == routes
    assert len(routes) > 25


def test_every_route_of_the_whole_program_is_described() -> None:
    app = guarded_app().app
    for interface in INTERFACES:
        app.register_blueprint(interface)

    document = openapi.document(app)

    validate(document)
    routes = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule) for rule in app.url_map.iter_rules()}
    assert set(document["paths"]) == routes
    assert {"/healthz", "/readyz", "/metrics"} <= routes


def test_every_operation_says_what_it_does(document: dict[str, Any]) -> None:
    operations = [each for item in document["paths"].values() for each in item.values()]

    assert all(operation["summary"].endswith(".") for operation in operations)
    assert len({operation["operationId"] for operation in operations}) == len(operations)


def test_the_roles_are_told(document: dict[str, Any]) -> None:
    paths = document["paths"]

    assert paths["/jobs"]["get"]["description"] == "Needs the role viewer."
    assert paths["/runs"]["post"]["description"] == "Needs the role operator."
    assert paths["/jobs"]["post"]["description"] == "Needs the role admin."


def test_query_parameters_have_their_types(document: dict[str, Any]) -> None:
    parameters = {each["name"]: each for each in document["paths"]["/jobs"]["get"]["parameters"]}

    assert parameters["limit"]["schema"] == {
        "default": 1000,
        "maximum": 1000,
        "minimum": 1,
        "type": "integer",
    }
    assert parameters["state"]["schema"]["enum"] == ["active", "paused", "finished", "blocked"]
    assert parameters["If-None-Match"]["in"] == "header"
    assert "JobQuery" not in document["components"]["schemas"]


def test_no_body_may_have_fields_that_are_not_described(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    objects = {name: each for name, each in schemas.items() if each["type"] == "object"}

    assert all(schema["additionalProperties"] is False for schema in objects.values())


ANSWERS = [
    ("GET", "JOB", JobAnswer),
    ("GET", "/jobs", JobList),
    ("PUT", "JOB", JobAnswer),
    ("POST", "JOB/pause", JobAnswer),
    ("POST", "JOB/resume", JobAnswer),
    ("POST", "JOB/run", RunAnswer),
    ("GET", "JOB/runs", RunList),
    ("GET", "JOB/occurrences", OccurrenceList),
    ("GET", "RUN", RunAnswer),
    ("GET", "/runs", RunList),
    ("POST", "JOB/retry", RunList),
    ("POST", "RUN/retry", RunAnswer),
    ("POST", "/runs/retry", RetryManyAnswer),
    ("GET", "/catalog", CatalogAnswer),
    ("GET", "/catalog/example", TaskAnswer),
    ("GET", "/tokens", TokenList),
    ("GET", "/audit", AuditList),
    ("POST", "/pause", PausedAnswer),
    ("POST", "/resume", PausedAnswer),
    ("POST", "/reload", ReloadAnswer),
    ("GET", "/status", StatusAnswer),
    ("GET", "/upcoming", UpcomingList),
]


@pytest.mark.parametrize(("method", "path", "model"), ANSWERS)
def test_answers_have_exactly_the_described_shape(
    api: Native, client: FlaskClient, method: str, path: str, model: type[Payload]
) -> None:
    job = api.schedule(interval={"hours": 2}, retries={"exit_codes": [1]}, tags=["a"])
    api.schedule(interval=..., mode="triggered")
    run_id = client.post(f"{job}/run").get_json()["id"]
    finish(api, run_id, exit_code=1, out=b"x")
    client.post("/tokens", json={"name": "ci", "role": "viewer"})
    url = path.replace("JOB", job).replace("RUN", f"/runs/{run_id}")
    body = {"all": True} if path == "/runs/retry" else {}

    response = client.open(url, method=method, json=None if method == "GET" else body)

    assert response.status_code in {200, 202}
    model.model_validate_json(response.data)
    shown, fields = response.get_json(), model.model_fields
    assert set(shown) == {field.alias or name for name, field in fields.items()}


def test_a_planned_occurrence_may_leave_out_its_stretch(api: Native, client: FlaskClient) -> None:
    path = api.schedule()

    rows = client.get(f"{path}/occurrences").get_json()["values"]

    assert rows
    assert all("count" not in row for row in rows)
