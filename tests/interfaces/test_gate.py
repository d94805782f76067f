"""The gate of design/security.md, clause by clause, before routes that would let anybody in."""

import base64
import io
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, request
from werkzeug.test import TestResponse

from jobsched import clock
from jobsched.errors import ConfigurationError
from jobsched.model import Role
from jobsched.web.gate import HEADERS, body_limit, changes_state, needs, principal, refuse_open_bind
from tests.support.web import GateSettings, Guarded, guarded_app


def _routes(app: Flask) -> None:
    @app.get("/things")
    def things() -> str:
        return principal().name

    @app.post("/things")
    def make() -> str:
        return f"{len(request.get_data())}"

    @app.post("/things/<name>/stop")
    @needs(Role.OPERATOR)
    def stop(name: str) -> str:
        return name

    @app.get("/submit")
    @changes_state
    def submit() -> str:
        return "submitted"

    @app.post("/upload")
    @body_limit(5_000_000)
    def upload() -> str:
        return f"{len(request.get_data())}"

    _more_routes(app)


def _more_routes(app: Flask) -> None:
    @app.get("/numbers/<number:value>")
    def number(value: int) -> str:
        return str(value)

    @app.get("/healthz", endpoint="health.healthz")
    def healthz() -> str:
        return "ok"

    @app.get("/jobs/<name>")
    def job(name: str) -> str:
        return name


@pytest.fixture
def guarded() -> Guarded:
    guarded = guarded_app()
    _routes(guarded.app)
    return guarded


def _ask(guarded: Guarded, path: str = "/things", method: str = "GET", **options: Any) -> Any:
    options.setdefault("base_url", "http://127.0.0.1:58631")
    response: TestResponse = guarded.app.test_client().open(path, method=method, **options)
    return response


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    "host", ["127.0.0.1:58631", "localhost", "LOCALHOST:1", "[::1]:58631", "localhost."]
)
def test_the_machines_own_names_are_served(guarded: Guarded, host: str) -> None:
    assert _ask(guarded, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "evil.example#localhost",
        "evil.example/localhost",
        "localhost:x",
        "localhost:99999999",
        "[::1",
        "",
        " ",
    ],
)
def test_another_host_is_refused_on_every_route(guarded: Guarded, host: str) -> None:
    for path in ("/things", "/healthz", "/nowhere"):
        response = _ask(guarded, path, headers={"Host": host})

        assert response.status_code == 400
        assert response.get_json()["errors"][0]["field"] == "Host"


def test_configured_names_are_served() -> None:
    guarded = guarded_app(GateSettings(host="10.0.0.7", trusted_hosts=("jobs.example",)))
    _routes(guarded.app)

    for host in ("jobs.example", "10.0.0.7:58631"):
        assert _ask(guarded, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://localhost:58631"},
        {"Origin": "file://"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "Cross-Site"},
        {"Origin": "http://127.0.0.1:58631", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_what_another_site_sends_changes_nothing(guarded: Guarded, headers: dict[str, str]) -> None:
    assert _ask(guarded, method="POST", headers=headers).status_code == 403
    assert _ask(guarded, "/submit", headers=headers).status_code == 403
    assert _ask(guarded, headers=headers).status_code == 200  # reading: no CORS header lets it see
    assert "Access-Control-Allow-Origin" not in _ask(guarded, headers=headers).headers


def test_our_own_pages_and_plain_clients_may_change(guarded: Guarded) -> None:
    for headers in (
        {},
        {"Origin": "http://127.0.0.1:58631", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ):
        assert _ask(guarded, method="POST", headers=headers).status_code == 200


def test_without_tokens_our_own_user_is_admin(guarded: Guarded) -> None:
    response = _ask(guarded)

    assert response.text == "loopback"


def test_without_tokens_other_users_stay_out(guarded: Guarded) -> None:
    guarded.peer_is_own = False

    response = _ask(guarded)

    assert response.status_code == 401
    assert [word.split()[0] for word in response.headers.getlist("WWW-Authenticate")] == [
        "Bearer",
        "Basic",
    ]


@pytest.mark.parametrize(
    "name",
    ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "Via", "X-Real-IP"],
)
def test_a_forwarded_request_is_never_our_own(guarded: Guarded, name: str) -> None:
    for value in ("127.0.0.1", ""):
        assert _ask(guarded, headers={name: value}).status_code == 401


def test_as_soon_as_a_token_exists_all_need_one(guarded: Guarded) -> None:
    token = guarded.tokens.create(Role.VIEWER, "ci")

    assert _ask(guarded).status_code == 401
    assert _ask(guarded, headers=_bearer(token)).text == "ci"


def test_a_token_is_taken_as_basic_password_too(guarded: Guarded) -> None:
    token = guarded.tokens.create(Role.VIEWER, "ci")
    credentials = base64.b64encode(f"anybody:{token}".encode()).decode()

    assert _ask(guarded, headers={"Authorization": f"Basic {credentials}"}).text == "ci"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic",
        "Basic Og==",
        "Basic !!!",
        "Basic dXNlcjo=",
        "Digest x",
        "Bearer " + "x" * 5000,
        "Bearer \xff",
        "Bearer a=b",
        "x",
    ],
)
def test_an_empty_or_broken_credential_never_matches(guarded: Guarded, value: str) -> None:
    for tokens in (False, True):
        if tokens:
            guarded.tokens.create(Role.ADMIN)

        assert _ask(guarded, headers={"Authorization": value}).status_code == 401


def test_an_empty_token_does_not_match_an_empty_digest(guarded: Guarded) -> None:
    guarded.tokens.by_digest = lambda digest: guarded.tokens.tokens[0]  # type: ignore[method-assign]
    guarded.tokens.create(Role.ADMIN)

    assert _ask(guarded, headers={"Authorization": "Bearer "}).status_code == 401
    assert _ask(guarded, headers=_bearer("wrong")).status_code == 401


def test_an_expired_token_is_refused(guarded: Guarded) -> None:
    past = clock.now() - timedelta(seconds=1)
    token = guarded.tokens.create(Role.ADMIN, expires_at=past)

    assert _ask(guarded, headers=_bearer(token)).status_code == 401


def test_a_token_in_the_query_is_no_token(guarded: Guarded) -> None:
    token = guarded.tokens.create(Role.ADMIN)

    assert _ask(guarded, f"/things?token={token}&access_token={token}").status_code == 401


def test_exempt_is_an_endpoint_never_a_path(guarded: Guarded) -> None:
    guarded.tokens.create(Role.ADMIN)

    assert _ask(guarded, "/healthz").status_code == 200
    for path in ("/jobs/health", "/jobs/healthz", "/jobs/x/healthz", "/healthz/x", "//healthz"):
        assert _ask(guarded, path).status_code == 401


@pytest.mark.parametrize(
    ("role", "reads", "stops", "makes"),
    [
        (Role.VIEWER, 200, 403, 403),
        (Role.OPERATOR, 200, 200, 403),
        (Role.ADMIN, 200, 200, 200),
    ],
)
def test_each_role_may_what_its_endpoints_declare(
    guarded: Guarded, role: Role, reads: int, stops: int, makes: int
) -> None:
    headers = _bearer(guarded.tokens.create(role))

    assert _ask(guarded, headers=headers).status_code == reads
    assert _ask(guarded, "/things/a/stop", "POST", headers=headers).status_code == stops
    assert _ask(guarded, method="POST", headers=headers).status_code == makes


def test_a_burst_is_limited_per_token_and_off_for_our_own_loopback() -> None:
    guarded = guarded_app(GateSettings(rate_limit=0.001, rate_burst=3))
    _routes(guarded.app)
    assert {_ask(guarded).status_code for _ in range(10)} == {200}
    first, second = (_bearer(guarded.tokens.create(Role.VIEWER)) for _ in range(2))

    statuses = [_ask(guarded, headers=first).status_code for _ in range(5)]
    limited = _ask(guarded, headers=first)

    assert statuses == [200, 200, 200, 429, 429]
    assert int(limited.headers["Retry-After"]) >= 1
    assert _ask(guarded, headers=second).status_code == 200
    assert _ask(guarded, "/healthz").status_code == 200


def test_guessing_tokens_is_limited_per_address() -> None:
    guarded = guarded_app(GateSettings(rate_limit=0.001, rate_burst=3))
    _routes(guarded.app)

    statuses = [_ask(guarded, headers=_bearer("guess")).status_code for _ in range(5)]

    assert statuses == [401, 401, 401, 429, 429]


def test_a_body_over_the_limit_is_refused_by_its_announced_size(guarded: Guarded) -> None:
    response = _ask(guarded, method="POST", data=b"x" * 1_048_577)

    assert response.status_code == 413
    assert response.headers["Connection"] == "close"
    assert _ask(guarded, method="POST", data=b"x" * 1_048_576).text == "1048576"
    assert _ask(guarded, "/upload", "POST", data=b"x" * 1_048_577).text == "1048577"


def test_a_body_of_unannounced_size_is_cut_off(guarded: Guarded) -> None:
    chunks = b"x" * 2_000_000

    response = _ask(
        guarded,
        method="POST",
        input_stream=io.BytesIO(chunks),
        environ_overrides={"wsgi.input_terminated": True},
    )

    assert response.status_code == 413


def test_every_answer_has_the_security_headers(guarded: Guarded) -> None:
    for path in ("/things", "/nowhere", "/healthz"):
        response = _ask(guarded, path)

        assert {name: response.headers[name] for name in HEADERS} == dict(HEADERS)
        assert len(response.headers["X-Request-Id"]) == 36


def test_changes_leave_audit_rows_and_reads_do_not(guarded: Guarded) -> None:
    operator = _bearer(guarded.tokens.create(Role.OPERATOR, "deploy"))
    _ask(guarded, headers=operator)

    allowed = _ask(guarded, "/things/a/stop", "POST", headers=operator)
    _ask(guarded, method="POST", headers=operator)
    _ask(guarded, method="POST")
    _ask(guarded, "/submit", headers=operator)

    assert [(row.who, row.what, row.target, row.status) for row in guarded.audit] == [
        ("deploy", "POST /things/<name>/stop", "/things/a/stop", 200),
        ("deploy", "POST /things", "/things", 403),
        ("-", "POST /things", "/things", 401),
        ("deploy", "GET /submit", "/submit", 200),
    ]
    assert guarded.audit[0].request_id == allowed.headers["X-Request-Id"]
    assert guarded.audit[0].source == "127.0.0.1"


def test_a_tokens_last_use_is_noted_once_a_minute(guarded: Guarded) -> None:
    headers = _bearer(guarded.tokens.create(Role.VIEWER))

    for _ in range(3):
        _ask(guarded, headers=headers)

    assert guarded.tokens.touched == [1]


def test_numbers_in_paths_fit_64_bits(guarded: Guarded) -> None:
    assert _ask(guarded, "/numbers/" + "9" * 18).text == "9" * 18
    for bad in ("9" * 19, "-1", "1.0", "%D9%A3", "0x1"):
        assert _ask(guarded, f"/numbers/{bad}").status_code == 404


def test_addresses_are_never_tidied_by_redirect(guarded: Guarded) -> None:
    assert _ask(guarded, "//things").status_code == 404
    assert _ask(guarded, "/things/").status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_loopback_may_be_open(host: str) -> None:
    refuse_open_bind(GateSettings(host=host), tokens_exist=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "jobs.example", ""])  # noqa: S104
def test_any_other_address_needs_tokens(host: str) -> None:
    with pytest.raises(ConfigurationError, match="token create"):
        refuse_open_bind(GateSettings(host=host), tokens_exist=False)

    refuse_open_bind(GateSettings(host=host), tokens_exist=True)
