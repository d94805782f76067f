"""The native API over a real store in a temporary folder; nothing fires and nothing runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from jobsched import calendars, catalog, clock
from jobsched.catalog import Catalog
from jobsched.model import End, EndedBy
from jobsched.operations import Operations, build
from jobsched.operations.configuration import Configuration, Loaded
from jobsched.settings import Settings
from jobsched.storage import Store
from jobsched.storage.settling import Settlement
from jobsched.web import waiting
from jobsched.web.context import EXTENSION
from jobsched.web.native import native
from jobsched.web.watching import Watcher
from tests.support.databases import migrated
from tests.support.web import Guarded, guarded_app

CATALOG = """
[example]
file=example.py
class=Example
phrase=foo
api_token=abc
jobsched.params=who, greeting
jobsched.timeout=7

[other]
file=example.py
class=Other
jobsched.queue=slow
jobsched.overlap=queue
"""
CODE = '''
class Example:
    """Says a phrase.

    More about it.
    """

class Other:
    pass
'''


@dataclass
class Native:
    """The application and what stands behind it."""

    app: Flask
    operations: Operations
    store: Store
    settings: Settings
    guarded: Guarded
    woken: list[str] = field(default_factory=list)

    def client(self) -> FlaskClient:
        return self.app.test_client()

    def schedule(self, **fields: Any) -> str:
        """Schedule a job through the API; return its path."""
        body = {"task": "example", "name": "fake", "interval": {"hours": 1}, **fields}
        body = {name: value for name, value in body.items() if value is not ...}
        response = self.client().post("/jobs", json=body)
        assert response.status_code == 202, response.get_json()
        return response.headers["Location"].removeprefix("http://localhost")

    def start(self, **fields: Any) -> int:
        """Ask for a run through the API; return its id."""
        response = self.client().post("/runs", json={"task": "example", **fields})
        assert response.status_code == 202, response.get_json()
        run_id: int = response.get_json()["id"]
        return run_id


def shown(client: FlaskClient, path: str) -> dict[str, Any]:
    """Return what GET *path* shows."""
    response = client.get(path)
    assert response.status_code == 200
    body: dict[str, Any] = response.get_json()
    return body


def fields_of(response: Any) -> list[str]:
    """Return the fields that a refusal names, after checking its form."""
    assert response.status_code == 400, response.data
    assert response.content_type == "application/problem+json"
    problem = response.get_json()
    assert problem["status"] == 400
    assert problem["description"] == problem["detail"]
    assert all(error["message"] and error["rule"] for error in problem["errors"])
    return [error["field"] for error in problem["errors"]]


def iso(moment: datetime) -> str:
    """Return an instant as answers show it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def begin(api: Native, run_id: int) -> int:
    """Let a machine take every queued run and start *run_id*; return its claim."""
    now_us = clock.now_us()
    api.store.claims.claim("here", "boot", ["r1"], 100, now_us)
    run = api.store.runs.get(run_id)
    assert run is not None
    api.store.claims.started([(run_id, run.claim, now_us)])
    return run.claim


def finish(api: Native, run_id: int, exit_code: int = 0, **output: Any) -> None:
    """Let a run end; *output* is out, err and chunks."""
    claim = begin(api, run_id)
    now_us = clock.now_us()
    end = End(
        run_id=run_id,
        claim=claim,
        ended_by=EndedBy.EXIT,
        exit_code=exit_code,
        started_us=now_us - 2_500_000,
        ended_us=now_us,
        out_bytes=len(output.get("out", b"")),
        err_bytes=len(output.get("err", b"")),
    )
    api.store.claims.settle([Settlement(end=end, **output)], now_us)


def write_configuration(folder: Path, text: str = CATALOG) -> None:
    """Write a catalog and its task file into *folder*/conf and *folder*/tasks."""
    (folder / "conf").mkdir(exist_ok=True)
    (folder / "tasks").mkdir(exist_ok=True)
    (folder / "conf" / "catalog.cfg").write_text(text, encoding="utf-8")
    (folder / "tasks" / "example.py").write_text(CODE, encoding="utf-8")


def settings_in(folder: Path, **changes: Any) -> Settings:
    """Return settings for the configuration and data in *folder*."""
    return Settings(
        conf_dir=folder / "conf",
        tasks_dir=folder / "tasks",
        data_dir=folder / "var",
        **changes,
    )


def read_catalog(folder: Path) -> Catalog:
    """Return the catalog in *folder*."""
    return catalog.load(folder / "conf", folder / "tasks")


@contextmanager
def native_api(folder: Path, **changes: Any) -> Iterator[Native]:
    """Give the native API over a new database in *folder*, with changed settings."""
    write_configuration(folder)
    settings = settings_in(folder, **changes)
    settings.data_dir.mkdir(mode=0o700)
    store = migrated(settings.database_url)
    woken: list[str] = []

    def load() -> Loaded:
        kept = calendars.load(folder / "conf")
        return settings_in(folder, **changes), read_catalog(folder), kept

    known = calendars.load(folder / "conf")
    configuration = Configuration(settings, read_catalog(folder), load, calendars=known)
    operations = build(configuration, store, woken.append)
    guarded = guarded_app()
    guarded.app.extensions[EXTENSION] = operations
    guarded.app.register_blueprint(native)
    watcher = Watcher(store.runs, settings.data_dir, share=4)
    waiting.install(guarded.app, watcher)
    try:
        yield Native(guarded.app, operations, store, settings, guarded, woken)
    finally:
        watcher.close()
        store.close()
