"""Who gets through the gate: our own user, tokens and their roles; nobody by a path's name."""

import base64
from datetime import timedelta

import pytest

from jobsched import clock
from jobsched.model import Role
from tests.support.web import Guarded, add_things, ask, bearer, guarded_app


@pytest.fixture
def guarded() -> Guarded:
    guarded = guarded_app()
    add_things(guarded.app)
    return guarded


def test_without_tokens_our_own_user_is_admin(guarded: Guarded) -> None:
    response = ask(guarded)

    assert response.text == "loopback"


def test_without_tokens_other_users_stay_out(guarded: Guarded) -> None:
    guarded.peer_is_own = False

    response = ask(guarded)

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
        assert ask(guarded, headers={name: value}).status_code == 401


def test_as_soon_as_a_token_exists_all_need_one(guarded: Guarded) -> None:
    token = guarded.tokens.create(Role.VIEWER, "ci")

    assert ask(guarded).status_code == 401
    assert ask(guarded, headers=bearer(token)).text == "ci"


def test_a_token_is_taken_as_basic_password_too(guarded: Guarded) -> None:
    token = guarded.tokens.create(Role.VIEWER, "ci")
    credentials = base64.b64encode(f"anybody:{token}".encode()).decode()

    assert ask(guarded, headers={"Authorization": f"Basic {credentials}"}).text == "ci"


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
    guarded.tokens.create(Role.ADMIN)

    assert ask(guarded, headers={"Authorization": value}).status_code == 401


def test_credentials_are_ignored_while_no_token_exists(guarded: Guarded) -> None:
    sent = {"Authorization": "Basic " + base64.b64encode(b"$site:whatever").decode()}

    ours = ask(guarded, headers=sent)
    guarded.peer_is_own = False
    theirs = ask(guarded, headers=sent)

    assert ours.text == "loopback"
    assert theirs.status_code == 401


def test_an_empty_token_does_not_match_an_empty_digest(guarded: Guarded) -> None:
    guarded.tokens.by_digest = lambda digest: guarded.tokens.tokens[0]  # type: ignore[method-assign]
    guarded.tokens.create(Role.ADMIN)

    assert ask(guarded, headers={"Authorization": "Bearer "}).status_code == 401
    assert ask(guarded, headers=bearer("wrong")).status_code == 401


def test_an_expired_token_is_refused(guarded: Guarded) -> None:
    past = clock.now() - timedelta(seconds=1)
    token = guarded.tokens.create(Role.ADMIN, expires_at=past)

    assert ask(guarded, headers=bearer(token)).status_code == 401


def test_a_token_in_the_query_is_no_token(guarded: Guarded) -> None:
    token = guarded.tokens.create(Role.ADMIN)

    assert ask(guarded, f"/things?token={token}&access_token={token}").status_code == 401


def test_exempt_is_an_endpoint_never_a_path(guarded: Guarded) -> None:
    guarded.tokens.create(Role.ADMIN)

    assert ask(guarded, "/healthz").status_code == 200
    for path in ("/jobs/health", "/jobs/healthz", "/jobs/x/healthz", "/healthz/x", "//healthz"):
        assert ask(guarded, path).status_code == 401


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
    headers = bearer(guarded.tokens.create(role))

    assert ask(guarded, headers=headers).status_code == reads
    assert ask(guarded, "/things/a/stop", "POST", headers=headers).status_code == stops
    assert ask(guarded, method="POST", headers=headers).status_code == makes


def test_a_tokens_last_use_is_noted_once_a_minute(guarded: Guarded) -> None:
    headers = bearer(guarded.tokens.create(Role.VIEWER))

    for _ in range(3):
        ask(guarded, headers=headers)

    assert guarded.tokens.touched == [1]


def test_a_view_may_demand_more_than_it_has_declared(guarded: Guarded) -> None:
    viewer = bearer(guarded.tokens.create(Role.VIEWER, "eyes"))
    admin = bearer(guarded.tokens.create(Role.ADMIN, "boss"))

    refused = ask(guarded, "/files", headers=viewer)

    assert refused.status_code == 403
    assert refused.get_json()["detail"] == "This needs the role admin; eyes is viewer."
    assert [(row.who, row.status) for row in guarded.audit] == [("eyes", 403)]
    assert ask(guarded, "/files", headers=admin).text == "file"
