"""Every error leaves as problem+json, whatever raised it."""

import errno
import logging
import os
from typing import Any

import pytest
from flask import Flask, abort
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from jobsched import errors
from jobsched.web import problems

RAISED: dict[str, Exception] = {
    "job": errors.UnknownJob("x"),
    "input": errors.InvalidInput(
        [
            errors.FieldError(field="a", rule="required", message="a is required."),
            errors.FieldError(field="b", rule="range", message="b is too large."),
        ]
    ),
    "who": errors.NotAuthenticated("A token is needed."),
    "busy": errors.DatabaseBusy("Busy.", retry_after=3),
    "many": errors.TooManyRequests("Slow down.", retry_after=2),
    "range": errors.RangeNotSatisfiable("Beyond the end.", size=12),
    "disk": errors.DiskFull("The disk is full."),
    "foreign": RequestedRangeNotSatisfiable(length=7),
    "descriptors": OSError(errno.EMFILE, os.strerror(errno.EMFILE)),
    "memory": OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
    "space": OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/secret/path"),
    "bug": ZeroDivisionError("secret path /root"),
}


@pytest.fixture
def app() -> Flask:
    app = Flask("test", static_folder=None)
    problems.install(app)

    @app.get("/raise/<name>")
    def fail(name: str) -> str:
        raise RAISED[name]

    @app.get("/abort/<int:status>")
    def stop(status: int) -> str:
        abort(status)

    @app.post("/body")
    def body() -> str:
        return "read"

    return app


def _get(app: Flask, path: str, status: int) -> Any:
    response = app.test_client().get(path)
    problem = response.get_json()
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    assert problem["status"] == status
    assert problem["description"] == problem["detail"]
    assert problem["instance"] == path
    return response


def test_a_refusal_has_the_members_of_a_problem(app: Flask) -> None:
    response = _get(app, "/raise/job", 404)

    assert response.get_json() == {
        "type": "/errors/unknown-job",
        "title": "Unknown job",
        "status": 404,
        "detail": "There is no job x.",
        "description": "There is no job x.",
        "instance": "/raise/job",
    }


def test_broken_rules_are_listed(app: Flask) -> None:
    problem = _get(app, "/raise/input", 400).get_json()

    assert problem["detail"] == "a is required. b is too large."
    assert [each["field"] for each in problem["errors"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("path", "status", "header", "value"),
    [
        ("/raise/who", 401, "WWW-Authenticate", 'Bearer realm="jobsched"'),
        ("/raise/busy", 503, "Retry-After", "3"),
        ("/raise/many", 429, "Retry-After", "2"),
        ("/raise/range", 416, "Content-Range", "bytes */12"),
        ("/raise/foreign", 416, "Content-Range", "bytes */7"),
        ("/body", 405, "Allow", "OPTIONS, POST"),
        ("/abort/413", 413, "Connection", "close"),
    ],
)
def test_a_refusal_keeps_its_header(
    app: Flask, path: str, status: int, header: str, value: str
) -> None:
    sent = _get(app, path, status).headers.get(header)

    assert sorted(sent.split(", ")) == sorted(value.split(", "))


def test_what_the_framework_refuses_has_the_same_shape(app: Flask) -> None:
    assert _get(app, "/nowhere", 404).get_json()["type"] == "/errors/unknown-page"
    assert _get(app, "/body", 405).get_json()["type"] == "/errors/wrong-method"
    assert _get(app, "/abort/400", 400).get_json()["errors"] == []
    assert _get(app, "/abort/418", 418).get_json()["title"] == "I'm a Teapot"
    assert _get(app, "/raise/disk", 507).get_json()["title"] == "Disk full"


@pytest.mark.parametrize(
    ("name", "status"), [("descriptors", 503), ("memory", 503), ("space", 507)]
)
def test_a_shortage_of_the_machine_is_no_defect(app: Flask, name: str, status: int) -> None:
    response = _get(app, f"/raise/{name}", status)

    assert ("Retry-After" in response.headers) == (status == 503)
    assert "secret" not in response.text


def test_a_defect_is_logged_once_and_tells_nothing(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        response = _get(app, "/raise/bug", 500)

    assert "secret" not in response.text
    assert "Traceback" not in response.text
    assert len(caplog.records) == 1
    assert caplog.records[0].exc_info


def test_an_interface_tells_problems_in_its_own_form(app: Flask) -> None:
    problems.speak(app, "/raise", lambda problem: (b"short", "text/plain"))
    problems.speak(app, "/raise/job$", lambda problem: (str(problem["title"]).encode(), "text/x"))

    unknown, busy = (app.test_client().get(f"/raise/{name}") for name in ("job", "busy"))

    assert (unknown.status_code, unknown.data, unknown.mimetype) == (404, b"Unknown job", "text/x")
    assert (busy.status_code, busy.data, busy.mimetype) == (503, b"short", "text/plain")
    assert busy.headers["Retry-After"] == "3"
    assert app.test_client().get("/abort/404").mimetype == "application/problem+json"
