"""A Flask application with the gate in front, and nothing but what a test puts behind it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import Flask, request
from werkzeug.test import TestResponse

from jobsched import auth
from jobsched.model import Role
from jobsched.web import gate, problems
from jobsched.web.audit import AuditRow
from jobsched.web.gate import (
    body_limit,
    changes_nothing,
    changes_state,
    demand,
    needs,
    principal,
    takes_uploads,
)


@dataclass(frozen=True, kw_only=True)
class GateSettings:
    host: str = "127.0.0.1"
    trusted_hosts: tuple[str, ...] = ()
    rate_limit: float = 50.0
    rate_burst: int = 200
    body_limit: int = 1_048_576
    upload_limit: int = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Token:
    id: int
    name: str
    role: Role
    digest: str
    expires_at: datetime | None = None


@dataclass
class Tokens:
    """Tokens in memory, as ``storage.tokens`` answers for them."""

    tokens: list[Token] = field(default_factory=list)
    touched: list[int] = field(default_factory=list)

    def create(self, role: Role, name: str = "ci", expires_at: datetime | None = None) -> str:
        """Add a token and return it."""
        token = auth.new_token()
        number = len(self.tokens) + 1
        digest = auth.digest(token)
        self.tokens.append(
            Token(id=number, name=name, role=role, digest=digest, expires_at=expires_at)
        )
        return token

    def by_digest(self, digest: str) -> Token | None:
        return next((token for token in self.tokens if token.digest == digest), None)

    def any(self) -> bool:
        return bool(self.tokens)

    def touch(self, token_id: int, now_us: int) -> None:
        self.touched.append(token_id)


@dataclass
class Guarded:
    """The application, and what the gate knows and did."""

    app: Flask
    tokens: Tokens
    audit: list[AuditRow]
    peer_is_own: bool = True


def guarded_app(settings: GateSettings | None = None) -> Guarded:
    """Return an application behind a gate whose peers are ourselves until told otherwise."""
    guarded = Guarded(Flask("guarded", static_folder=None), Tokens(), [])

    def peer(_environ: Mapping[str, Any]) -> bool:
        return guarded.peer_is_own

    guardian = gate.Gate(settings or GateSettings(), guarded.tokens, guarded.audit.append, peer)
    problems.install(guarded.app)
    gate.install(guarded.app, guardian)
    return guarded


def add_things(app: Flask) -> None:
    """Add routes of every kind of demand."""

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

    @app.get("/secrets")
    @needs(Role.ADMIN)
    def secrets() -> str:
        return "secret"

    @app.get("/submit")
    @changes_state
    def submit() -> str:
        return "submitted"

    @app.post("/questions")
    @needs(Role.VIEWER)
    @changes_nothing
    def answer() -> str:
        return principal().name

    @app.post("/upload")
    @body_limit(5_000_000)
    def upload() -> str:
        return f"{len(request.get_data())}"

    _more_things(app)


def _more_things(app: Flask) -> None:
    @app.put("/files")
    @takes_uploads
    def files() -> str:
        demand(Role.ADMIN)
        return f"{len(request.get_data())}"

    @app.get("/files")
    def file() -> str:
        demand(Role.ADMIN)
        return "file"

    @app.get("/numbers/<number:value>")
    def number(value: int) -> str:
        return str(value)

    @app.get("/healthz", endpoint="health.healthz")
    def healthz() -> str:
        return "ok"

    @app.get("/jobs/<name>")
    def job(name: str) -> str:
        return name


def ask(guarded: Guarded, path: str = "/things", method: str = "GET", **options: Any) -> Any:
    """Send a request to the guarded application."""
    options.setdefault("base_url", "http://127.0.0.1:58631")
    response: TestResponse = guarded.app.test_client().open(path, method=method, **options)
    return response


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries *token*."""
    return {"Authorization": f"Bearer {token}"}
