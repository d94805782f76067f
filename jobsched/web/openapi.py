"""The OpenAPI 3.1 document, made from the routes and from what stands beside each of them."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

import jobsched
from jobsched.errors import InvalidInput, JobschedError
from jobsched.model import Role
from jobsched.web.payloads.problem import Problem

View = TypeVar("View", bound=Callable[..., Any])
Answer = type[BaseModel] | str | None  # a JSON body, a media type, nothing
Schema = dict[str, Any]

VERSION = "3.1.0"
_REFERENCE = "#/components/schemas/{model}"
_PROBLEM = "application/problem+json"
_VARIABLE = re.compile(r"<(?:(?P<kind>\w+):)?(?P<name>\w+)>")
_KINDS: Mapping[str, Schema] = {
    "uuid": {"type": "string", "format": "uuid"},
    "number": {"type": "integer", "minimum": 0},
}
_HEADERS: Mapping[str, str] = {
    "Idempotency-Key": "The same key and body within 24 hours make nothing new.",
    "If-Match": "The entity tag that the job must still have.",
    "If-None-Match": "The entity tag that the client has.",
    "Prefer": "wait=N: answer when the run has ended, after N (at most 300) seconds at the latest.",
    "Range": "The bytes that are wanted.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What one route takes and answers; its view's docstring says what it does."""

    answers: Mapping[int, Answer]
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    headers: tuple[str, ...] = ()
    errors: tuple[type[JobschedError], ...] = field(default=())

    def models(self) -> Iterator[type[BaseModel]]:
        """Yield every model in it."""
        for part in (self.body, self.query, *self.answers.values()):
            if isinstance(part, type):
                yield part


def describes(
    *,
    answers: Mapping[int, Answer],
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    headers: tuple[str, ...] = (),
    errors: tuple[type[JobschedError], ...] = (),
) -> Callable[[View], View]:
    """Say beside a view what its route takes and answers."""
    description = Description(
        answers=answers, body=body, query=query, headers=headers, errors=errors
    )

    def attach(view: View) -> View:
        view.description = description  # type: ignore[attr-defined]
        return view

    return attach


def document(app: Flask) -> Schema:
    """Return the document for every described route of *app*."""
    routes = list(_routes(app))
    found = {model for _, _, view in routes for model in view.description.models()} | {Problem}
    models = sorted(found, key=lambda model: model.__name__)
    _, defined = models_json_schema(
        [(model, "validation") for model in models], ref_template=_REFERENCE
    )
    schemas: dict[str, Schema] = defined["$defs"]
    paths: dict[str, Schema] = {}
    for rule, method, view in routes:
        path = _VARIABLE.sub(r"{\g<name>}", rule.rule)
        paths.setdefault(path, {})[method.lower()] = _operation(rule, method, view, schemas)
    queries = {view.description.query.__name__ for _, _, view in routes if view.description.query}
    return {
        "openapi": VERSION,
        "info": {"title": "jobsched", "version": jobsched.__version__},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {name: schema for name, schema in schemas.items() if name not in queries},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
        "security": [{"bearer": []}, {"basic": []}, {}],
    }


def _routes(app: Flask) -> Iterator[tuple[Rule, str, Any]]:
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        if hasattr(view, "description"):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield rule, method, view


def _operation(rule: Rule, method: str, view: Any, schemas: Mapping[str, Schema]) -> Schema:
    said: Description = view.description
    role = getattr(view, "needed_role", Role.VIEWER if method == "GET" else Role.ADMIN)
    operation: Schema = {
        "operationId": f"{method.lower()}_{rule.endpoint.replace('.', '_')}",
        "summary": (view.__doc__ or "").strip().partition("\n")[0],
        "description": f"Needs the role {role.value}.",
        "parameters": [*_in_path(rule), *_in_query(said, schemas), *_in_headers(said)],
        "responses": _responses(said),
    }
    if said.body is not None:
        operation["requestBody"] = {
            "required": any(field.is_required() for field in said.body.model_fields.values()),
            "content": {"application/json": {"schema": _reference(said.body)}},
        }
    return operation


def _in_path(rule: Rule) -> Iterator[Schema]:
    for match in _VARIABLE.finditer(rule.rule):
        schema = _KINDS.get(match["kind"] or "", {"type": "string"})
        yield {"name": match["name"], "in": "path", "required": True, "schema": schema}


def _in_query(said: Description, schemas: Mapping[str, Schema]) -> Iterator[Schema]:
    properties = schemas[said.query.__name__].get("properties", {}) if said.query else {}
    for name, schema in properties.items():
        parameter: Schema = {"name": name, "in": "query", "schema": _without_null(schema)}
        if "description" in schema:
            parameter["description"] = schema["description"]
        yield parameter


def _without_null(schema: Schema) -> Schema:
    """Return the schema of a value that is there: a query cannot say null."""
    kept = {k: v for k, v in schema.items() if k not in {"title", "anyOf", "description"}}
    kept = {k: v for k, v in kept.items() if k != "default" or v is not None}
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    return (
        {**kinds[0], **kept} if len(kinds) == 1 else {**kept, **({"anyOf": kinds} if kinds else {})}
    )


def _in_headers(said: Description) -> Iterator[Schema]:
    for name in said.headers:
        schema = {"type": "string"}
        yield {"name": name, "in": "header", "description": _HEADERS[name], "schema": schema}


def _responses(said: Description) -> Schema:
    responses: Schema = {
        str(status): _answered(status, answer) for status, answer in said.answers.items()
    }
    kinds: tuple[type[JobschedError], ...] = (InvalidInput, *said.errors)
    refusals = {kind.status: kind.title for kind in kinds}
    for status, title in sorted(refusals.items()):
        responses[str(status)] = _refused(title)
    responses["default"] = _refused("Any other refusal")
    return responses


def _answered(status: int, answer: Answer) -> Schema:
    response: Schema = {"description": HTTPStatus(status).phrase}
    if isinstance(answer, str):
        response["content"] = {answer: {"schema": {"type": "string"}}}
    elif answer is not None:
        response["content"] = {"application/json": {"schema": _reference(answer)}}
    return response


def _refused(title: str) -> Schema:
    return {"description": title, "content": {_PROBLEM: {"schema": _reference(Problem)}}}


def _reference(model: type[BaseModel]) -> Schema:
    return {"$ref": _REFERENCE.format(model=model.__name__)}
