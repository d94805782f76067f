"""Routes of the server itself: tokens, pausing everything, reloading, status, OpenAPI."""

from typing import Any

from flask import Response, current_app

import jobsched
from jobsched import auth, clock
from jobsched.errors import Conflict, UnknownToken
from jobsched.model import Role
from jobsched.storage.audit import AuditFilter
from jobsched.web import openapi
from jobsched.web.answers import answer, nothing, page, tagged
from jobsched.web.audit import flush_all
from jobsched.web.context import caller, operations
from jobsched.web.gate import needs
from jobsched.web.native.blueprint import native
from jobsched.web.native.shapes import Body, facts, iso, plain
from jobsched.web.openapi import describes
from jobsched.web.payloads import (
    AuditList,
    AuditQuery,
    NewTokenAnswer,
    Nothing,
    PausedAnswer,
    PauseRequest,
    ReloadAnswer,
    StatusAnswer,
    TokenList,
    TokenRequest,
)
from jobsched.web.payloads.types import to_instant
from jobsched.web.request import json_body, query

_FLUSH_SECONDS = 1.0  # what has been answered by now shall be in the list


@native.get("/tokens")
@needs(Role.ADMIN)
@describes(answers={200: TokenList})
def list_tokens() -> Response:
    """List the tokens, without their secrets."""
    return answer(
        {"values": [_token_body(each) for each in operations.tokens.list()], "next": None}
    )


@native.post("/tokens")
@needs(Role.ADMIN)
@describes(body=TokenRequest, answers={201: NewTokenAnswer}, errors=(Conflict,))
def create_token() -> Response:
    """Make a token; this is the only time that it is shown."""
    asked = json_body(TokenRequest)
    token = auth.new_token()
    token_id = operations.tokens.add(
        name=asked.name,
        role=asked.role,
        digest=auth.digest(token),
        by=caller(),
        expires_at=asked.expires_at,
    )
    body = {
        "id": token_id,
        "name": asked.name,
        "role": asked.role.value,
        "expires_at": iso(asked.expires_at),
        "token": token,
    }
    return answer(body, 201)


@native.delete("/tokens/<number:token_id>")
@needs(Role.ADMIN)
@describes(answers={204: None}, errors=(UnknownToken,))
def delete_token(token_id: int) -> Response:
    """Take a token back."""
    operations.tokens.revoke(token_id, caller())
    return nothing(204)


@native.get("/audit")
@needs(Role.ADMIN)
@describes(query=AuditQuery, answers={200: AuditList, 304: None})
def list_audit() -> Response:
    """List who changed what, or was refused, newest first."""
    asked = query(AuditQuery)
    filters = AuditFilter(who=asked.who, what=asked.what, since=to_instant(asked.since))
    flush_all(_FLUSH_SECONDS)
    found = operations.audit.list(filters, asked.limit, asked.cursor)
    return page([facts(entry) for entry in found.values], found.next)


@native.post("/pause")
@needs(Role.OPERATOR)
@describes(body=PauseRequest, answers={200: PausedAnswer})
def pause_all() -> Response:
    """Pause all scheduling."""
    asked = json_body(PauseRequest, optional=True)
    return answer(facts(operations.scheduling.pause(caller(), asked.until, asked.reason)))


@native.post("/resume")
@needs(Role.OPERATOR)
@describes(body=Nothing, answers={200: PausedAnswer})
def resume_all() -> Response:
    """Let all jobs fire again."""
    json_body(Nothing, optional=True)
    return answer(facts(operations.scheduling.resume(caller())))


@native.post("/reload")
@needs(Role.ADMIN)
@describes(body=Nothing, answers={200: ReloadAnswer}, errors=(Conflict,))
def reload_configuration() -> Response:
    """Read the catalog and the settings again; what is broken changes nothing."""
    json_body(Nothing, optional=True)
    return answer(facts(operations.reloading.reload(caller())))


@native.get("/status")
@describes(answers={200: StatusAnswer})
def show_status() -> Response:
    """Show the parts of the program and how they are."""
    report = operations.status.report()
    body: dict[str, Any] = {
        "version": jobsched.__version__,
        "time": iso(clock.now()),
        "database": report.database,
        "leader": report.leader,
        "parts": [facts(part) for part in report.parts],
        "nodes": [plain(node) for node in report.nodes],
        "scheduling": facts(report.scheduling),
        "jobs": report.jobs,
        "runs": report.runs,
        "services": report.services,
        "queue": {
            "waiting": report.queued,
            "by_queue": report.by_queue,
            "oldest": iso(report.oldest),
        },
    }
    return answer(body)


@native.get("/openapi.json")
@describes(answers={200: "application/json"})
def show_openapi() -> Response:
    """Show this API as an OpenAPI 3.1 document."""
    documents = current_app.extensions.setdefault("jobsched.openapi", {})
    if not documents:
        documents.update(openapi.document(current_app))
    return tagged(documents)


def _token_body(token: Any) -> Body:
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role.value,
        "created_at": iso(token.created_at),
        "expires_at": iso(token.expires_at),
        "used_at": iso(token.used_at),
    }
