"""Routes of the app settings (Kudu: Kudu.Services/Settings/SettingsController.cs)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Response

from jobsched.catalog import MASK, masked
from jobsched.errors import FieldError, InvalidInput, UnknownSetting
from jobsched.model import Role
from jobsched.web.answers import untyped
from jobsched.web.context import caller, operations
from jobsched.web.gate import body_limit, needs, principal
from jobsched.web.hooks.blueprint import answer, route
from jobsched.web.hooks.payloads import AnyObject, AppSettingsAnswer
from jobsched.web.openapi import describes
from jobsched.web.request import json_object

LARGEST_BODY = 2_097_152
_OURS = re.compile(r"WEBJOBS_|SCM_|WEBSITE_TIME_ZONE$", re.IGNORECASE)


@route("GET", "/settings")
@describes(answers={200: AppSettingsAnswer})
def list_settings() -> Response:
    """Show every app setting; values, but for those of web jobs, only to admins."""
    return answer(
        {name: _shown(name, value) for name, value in operations.app_settings.all().items()}
    )


@route("GET", "/settings/<name>")
@describes(answers={200: "application/json"}, errors=(UnknownSetting,))
def show_setting(name: str) -> Response:
    """Show one app setting as a JSON text. 404: there is none of this name."""
    return answer(_shown(name, operations.app_settings.get(name)))


@route("POST", "/settings")
@needs(Role.ADMIN)
@body_limit(LARGEST_BODY)
@describes(body=AnyObject, answers={204: None})
def change_settings() -> Response:
    """Add or replace app settings: ``{NAME: VALUE, ...}`` or ``{"key": NAME, "value": VALUE}``."""
    operations.app_settings.put(_texts(_pairs(json_object())), caller())
    return untyped(204)


@route("DELETE", "/settings/<name>")
@needs(Role.ADMIN)
@describes(answers={204: None})
def delete_setting(name: str) -> Response:
    """Remove an app setting; 204 as well when there is none."""
    operations.app_settings.delete(name, caller())
    return untyped(204)


def _shown(name: str, value: str) -> str:
    """Return *value* as whoever asks may see it.

    No name tells for sure what is a secret (a connection string, say): below admin only those
    values are shown that say how web jobs run.
    """
    if principal().role.allows(Role.ADMIN):
        return value
    return masked(name, value) if _OURS.match(name) else MASK


def _pairs(sent: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return names and values, whichever of Kudu's two forms was *sent*."""
    if set(sent) != {"key", "value"}:
        return sent
    if not isinstance(sent["key"], str):
        raise InvalidInput.field("key", "type", "key must be text.")
    return {sent["key"]: sent["value"]}


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return *values* as texts: numbers and truth values may be sent as such."""
    mistakes = list(_no_texts(values))
    if mistakes:
        raise InvalidInput(mistakes)
    return {name: _text(value) for name, value in values.items()}


def _no_texts(values: Mapping[str, Any]) -> Iterator[FieldError]:
    for name, value in values.items():
        if not isinstance(value, str | int | float):
            message = f"{name[:100]} must be text."
            yield FieldError(field=name[:100], rule="type", message=message)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
