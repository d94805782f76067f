"""Folders of web jobs for tests, and the verbs over them without a server."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobsched import operations
from jobsched.catalog import Catalog
from jobsched.model import Job, WebJobType
from jobsched.operations import Operations
from jobsched.operations.configuration import Configuration
from jobsched.operations.webjobs import WebJobs
from jobsched.settings import Settings
from jobsched.storage import Store
from jobsched.webjobs.choice import Scripts
from jobsched.webjobs.places import Site
from tests.support.rows import add_run, claim_all, settle

TRIGGERED, CONTINUOUS = WebJobType
SCRIPT = {"run.sh": "echo hello\n"}
SUFFIXES = (".cmd", ".bat", ".exe", ".ps1", ".sh", ".php", ".py", ".js", ".jar")
ANY = Scripts(suffixes=SUFFIXES, can_run=lambda path: True)


def put(
    site: Site, kind: WebJobType, name: str, files: Mapping[str, str] = SCRIPT, **settings: Any
) -> Path:
    """Write the folder of a job with *files* and, if there are any, its *settings*."""
    folder = site.folder(kind, name)
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    if settings:
        (folder / "settings.job").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def verbs_over(store: Store, folder: Path, **changes: Any) -> Operations:
    """Return all verbs over *store*, with *folder* as data folder and changed settings."""
    settings = Settings(
        conf_dir=folder,
        tasks_dir=folder,
        data_dir=folder,
        database_url=store.database.url,
        **changes,
    )
    return operations.build(Configuration(settings, Catalog({})), store, lambda topic: None)


def job_of(webjobs: WebJobs, name: str = "backup", kind: WebJobType = TRIGGERED) -> Job:
    """Return the job that a web job is after a sync."""
    webjobs.sync()
    return webjobs.get(kind, name).job


def ran(store: Store, job: Job, started_us: int) -> None:
    """Let the job have had a run that started then."""
    add_run(store, job, created_us=started_us)
    (claim,) = claim_all(store, now_us=started_us)
    settle(store, claim.run, started_us=started_us, ended_us=started_us + 1)
