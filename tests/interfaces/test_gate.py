"""The gate of design/security.md, clause by clause: hosts, sites, amounts, headers, audit."""

import io

import pytest

from jobsched.errors import ConfigurationError
from jobsched.model import Role
from jobsched.web.gate import HEADERS, refuse_open_bind
from tests.support.web import GateSettings, Guarded, add_things, ask, bearer, guarded_app


@pytest.fixture
def guarded() -> Guarded:
    guarded = guarded_app()
    add_things(guarded.app)
    return guarded


@pytest.mark.parametrize(
    "host", ["127.0.0.1:58631", "localhost", "LOCALHOST:1", "[::1]:58631", "localhost."]
)
def test_the_machines_own_names_are_served(guarded: Guarded, host: str) -> None:
    assert ask(guarded, headers={"Host": host}).status_code == 200


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
        response = ask(guarded, path, headers={"Host": host})

        assert response.status_code == 400
        assert response.get_json()["errors"][0]["field"] == "Host"


def test_configured_names_are_served() -> None:
    guarded = guarded_app(GateSettings(host="10.0.0.7", trusted_hosts=("jobs.example",)))
    add_things(guarded.app)

    for host in ("jobs.example", "10.0.0.7:58631"):
        assert ask(guarded, headers={"Host": host}).status_code == 200


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
    assert ask(guarded, method="POST", headers=headers).status_code == 403
    assert ask(guarded, "/submit", headers=headers).status_code == 403
    assert ask(guarded, headers=headers).status_code == 200  # reading: no CORS header lets it see
    assert "Access-Control-Allow-Origin" not in ask(guarded, headers=headers).headers


def test_our_own_pages_and_plain_clients_may_change(guarded: Guarded) -> None:
    for headers in (
        {},
        {"Origin": "http://127.0.0.1:58631", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ):
        assert ask(guarded, method="POST", headers=headers).status_code == 200


def test_a_burst_is_limited_per_token_and_off_for_our_own_loopback() -> None:
    guarded = guarded_app(GateSettings(rate_limit=0.001, rate_burst=3))
    add_things(guarded.app)
    assert {ask(guarded).status_code for _ in range(10)} == {200}
    first, second = (bearer(guarded.tokens.create(Role.VIEWER)) for _ in range(2))

    statuses = [ask(guarded, headers=first).status_code for _ in range(5)]
    limited = ask(guarded, headers=first)

    assert statuses == [200, 200, 200, 429, 429]
    assert int(limited.headers["Retry-After"]) >= 1
    assert ask(guarded, headers=second).status_code == 200
    assert ask(guarded, "/healthz").status_code == 200


def test_guessing_tokens_is_limited_per_address() -> None:
    guarded = guarded_app(GateSettings(rate_limit=0.001, rate_burst=3))
    add_things(guarded.app)
    guarded.tokens.create(Role.VIEWER)

    statuses = [ask(guarded, headers=bearer("guess")).status_code for _ in range(5)]

    assert statuses == [401, 401, 401, 429, 429]


def test_a_body_over_the_limit_is_refused_by_its_announced_size(guarded: Guarded) -> None:
    response = ask(guarded, method="POST", data=b"x" * 1_048_577)

    assert response.status_code == 413
    assert response.headers["Connection"] == "close"
    assert ask(guarded, method="POST", data=b"x" * 1_048_576).text == "1048576"
    assert ask(guarded, "/upload", "POST", data=b"x" * 1_048_577).text == "1048577"


def test_uploads_have_a_limit_of_their_own(guarded: Guarded) -> None:
    assert ask(guarded, "/files", "PUT", data=b"x" * 5_000_000).text == "5000000"
    assert ask(guarded, "/files", "PUT", data=b"x" * 10_000_001).status_code == 413


@pytest.mark.parametrize(("size", "status"), [(1_048_576, 200), (1_048_577, 413), (3 << 20, 413)])
def test_a_body_of_unannounced_size_is_never_cut_off(
    guarded: Guarded, size: int, status: int
) -> None:
    response = ask(
        guarded,
        method="POST",
        input_stream=io.BytesIO(b"x" * size),
        environ_overrides={"wsgi.input_terminated": True},
    )

    assert response.status_code == status
    assert status == 413 or response.text == str(size)


def test_every_answer_has_the_security_headers(guarded: Guarded) -> None:
    for path in ("/things", "/nowhere", "/healthz"):
        response = ask(guarded, path)

        assert {name: response.headers[name] for name in HEADERS} == dict(HEADERS)
        assert len(response.headers["X-Request-Id"]) == 36


def test_changes_leave_audit_rows_and_reads_do_not(guarded: Guarded) -> None:
    operator = bearer(guarded.tokens.create(Role.OPERATOR, "deploy"))
    ask(guarded, headers=operator)

    allowed = ask(guarded, "/things/a/stop", "POST", headers=operator)
    ask(guarded, method="POST", headers=operator)
    ask(guarded, method="POST")
    ask(guarded, "/submit", headers=operator)

    assert [(row.who, row.what, row.target, row.status) for row in guarded.audit] == [
        ("deploy", "POST /things/<name>/stop", "/things/a/stop", 200),
        ("deploy", "POST /things", "/things", 403),
        ("-", "POST /things", "/things", 401),
        ("deploy", "GET /submit", "/submit", 200),
    ]
    assert guarded.audit[0].request_id == allowed.headers["X-Request-Id"]
    assert guarded.audit[0].source == "127.0.0.1"


def test_a_question_asked_by_post_leaves_no_audit_row(guarded: Guarded) -> None:
    viewer = bearer(guarded.tokens.create(Role.VIEWER, "screen"))

    assert ask(guarded, "/questions", "POST", headers=viewer).text == "screen"
    assert ask(guarded, "/questions", "POST", headers=bearer("guess")).status_code == 401
    site = {"Sec-Fetch-Site": "cross-site"}
    assert ask(guarded, "/questions", "POST", headers={**viewer, **site}).status_code == 403
    assert [(row.who, row.what, row.status) for row in guarded.audit] == [
        ("-", "POST /questions", 401)
    ]


def test_whoever_is_refused_leaves_audit_rows_when_reading_too(guarded: Guarded) -> None:
    viewer = bearer(guarded.tokens.create(Role.VIEWER, "screen"))

    ask(guarded, headers=bearer("guess"))
    ask(guarded, "/secrets", headers=viewer)
    ask(guarded, headers=viewer)

    assert [(row.who, row.what, row.status) for row in guarded.audit] == [
        ("-", "GET /things", 401),
        ("screen", "GET /secrets", 403),
    ]


def test_a_client_that_asks_too_much_leaves_one_audit_row_a_minute() -> None:
    guarded = guarded_app(GateSettings(rate_limit=0.001, rate_burst=1))
    add_things(guarded.app)
    busy = bearer(guarded.tokens.create(Role.ADMIN, "busy"))

    for method in ("GET", "POST", "GET", "POST", "GET"):
        ask(guarded, method=method, headers=busy)
    for _ in range(4):
        ask(guarded, headers=bearer("guess"))

    assert [(row.who, row.status) for row in guarded.audit] == [
        ("busy", 429), ("-", 401), ("-", 429),
    ]  # fmt: skip


def test_numbers_in_paths_fit_64_bits(guarded: Guarded) -> None:
    assert ask(guarded, "/numbers/" + "9" * 18).text == "9" * 18
    for bad in ("9" * 19, "-1", "1.0", "%D9%A3", "0x1"):
        assert ask(guarded, f"/numbers/{bad}").status_code == 404


def test_addresses_are_never_tidied_by_redirect(guarded: Guarded) -> None:
    assert ask(guarded, "//things").status_code == 404
    assert ask(guarded, "/things/").status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_loopback_may_be_open(host: str) -> None:
    refuse_open_bind(GateSettings(host=host), False, "token create")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "jobs.example", ""])  # noqa: S104
def test_any_other_address_needs_tokens(host: str) -> None:
    with pytest.raises(ConfigurationError, match="token create"):
        refuse_open_bind(GateSettings(host=host), False, "token create")

    refuse_open_bind(GateSettings(host=host), True, "token create")
