"""Routes of web hooks (Kudu: Kudu.Services/Hooks/WebHooksController.cs) and their delivery log."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from flask import Response, request

from jobsched.clock import from_us
from jobsched.errors import HookExists, InvalidInput, UnknownHook
from jobsched.model import Role
from jobsched.operations.webhooks import HookDraft
from jobsched.operations.webhooks.bodies import text_of
from jobsched.storage.deliveries import Attempt, Delivery
from jobsched.storage.hooks import Hook
from jobsched.web.answers import untyped
from jobsched.web.context import caller, operations
from jobsched.web.gate import needs, principal
from jobsched.web.hooks.blueprint import answer, iso, route
from jobsched.web.hooks.payloads import (
    AnyObject,
    DeliveryList,
    HookAnswer,
    HookList,
    HookRequest,
)
from jobsched.web.openapi import describes
from jobsched.web.request import json_body, json_object

Body = dict[str, Any]
HIDDEN = "********"
LONGEST_BASE = 300
NO_ANSWER = "Failure"  # Kudu's word where nothing has answered


@route("GET", "/hooks")
@describes(answers={200: HookList})
def list_hooks() -> Response:
    """List all web hooks, oldest first."""
    return answer([_hook(hook) for hook in operations.web_hooks.list()])


@route("POST", "/hooks")
@needs(Role.ADMIN)
@describes(body=HookRequest, answers={201: HookAnswer}, errors=(HookExists,))
def subscribe() -> Response:
    """Add a web hook. 409: its address has one already."""
    asked = json_body(HookRequest)
    events = (*([asked.event] if asked.event is not None else []), *(asked.events or []))
    if not events:
        raise InvalidInput.field("event", "required", "event is missing.")
    draft = HookDraft(
        url=asked.url.strip(),
        events=events,
        base_url=_base_url(),
        insecure_ssl=bool(asked.insecure_ssl),
        only_failures=bool(asked.only_failures),
    )
    return answer(_hook(operations.web_hooks.subscribe(draft, caller())), 201)


@route("GET", "/hooks/<hook_id>")
@describes(answers={200: HookAnswer}, errors=(UnknownHook,))
def show_hook(hook_id: str) -> Response:
    """Show one web hook. 404: there is none of this id."""
    return answer(_hook(operations.web_hooks.get(hook_id)))


@route("GET", "/hooks/<hook_id>/deliveries")
@describes(answers={200: DeliveryList}, errors=(UnknownHook,))
def list_deliveries(hook_id: str) -> Response:
    """Show what a web hook was told and how that went, newest first."""
    found = operations.web_hooks.deliveries(hook_id)
    return answer({"values": [_delivery(each) for each in found], "next": None})


@route("DELETE", "/hooks/<hook_id>")
@needs(Role.ADMIN)
@describes(answers={200: None})
def unsubscribe(hook_id: str) -> Response:
    """Remove a web hook; 200 as well when there is none (Kudu)."""
    operations.web_hooks.delete(hook_id, caller())
    return untyped(200)


@route("POST", "/hooks/publish/<event>")
@needs(Role.ADMIN)
@describes(body=AnyObject, answers={200: None})
def publish(event: str) -> Response:
    """Tell everybody who wants *event* the JSON object that is sent."""
    operations.web_hooks.publish(event, text_of(json_object()))
    return untyped(200)


def _base_url() -> str:
    base = request.url_root.rstrip("/")
    if len(base) > LONGEST_BASE:
        raise InvalidInput.field("Host", "length", "The name of the server is too long.")
    return base


def _hook(hook: Hook) -> Body:
    return {
        "id": hook.id,
        "event": hook.events[0],
        "url": _shown_url(hook),
        "insecure_ssl": hook.insecure_ssl,
        "last_status": _last_status(hook),
        "last_reason": hook.last_reason,
        "last_datetime": iso(hook.last_at),
        "last_context": hook.last_context,
        "events": hook.events,
        "only_failures": hook.only_failures,
        "created_at": iso(hook.created_at),
    }


def _shown_url(hook: Hook) -> str:
    """Return the address as the caller may see it: never the password, the path to admins only.

    Many receivers know their callers by a secret in path or query.
    """
    parts = urlsplit(hook.url)
    login = f"{HIDDEN}@" if hook.login else ""
    if not principal().role.allows(Role.ADMIN):
        return f"{parts.scheme}://{login}{parts.netloc}/{HIDDEN}"
    return parts._replace(netloc=login + parts.netloc).geturl()


def _last_status(hook: Hook) -> str | None:
    return None if hook.last_at is None else _word(hook.last_status)


def _word(status: int | None) -> str:
    """Return a status as .NET calls it: ``OK``, ``NotFound``."""
    if status is None:
        return NO_ANSWER
    try:
        return HTTPStatus(status).phrase.title().replace(" ", "") if status != 200 else "OK"
    except ValueError:
        return str(status)


def _delivery(delivery: Delivery) -> Body:
    state = "delivered" if delivery.delivered else "failed"
    return {
        "id": delivery.id,
        "event": delivery.event,
        "job": delivery.job_id,
        "run": delivery.run_id,
        "state": state if delivery.next_at is None else "waiting",
        "created_at": iso(delivery.created_at),
        "next_at": iso(delivery.next_at),
        "attempts": [_attempt(each) for each in reversed(delivery.attempts)],
        "body": delivery.body,
    }


def _attempt(attempt: Attempt) -> Body:
    return {
        "at": iso(from_us(attempt.at_us)),
        "status": attempt.status,
        "reason": attempt.reason,
        "seconds": attempt.seconds,
    }
