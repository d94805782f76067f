"""Web jobs for a supervisor that a test drives: their folder, their row, and the logs of a run."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobsched import clock
from jobsched.catalog import WEB_JOB
from jobsched.model import Job, Mode, Policy, Run, WebJobType
from jobsched.operations.webjobs.identity import job_id
from jobsched.storage.newjobs import NewJob
from jobsched.storage.newruns import NewRun
from jobsched.storage.webjobs import Facts
from jobsched.webjobs import places, runids
from tests.support.supervision import Site

_STAMP = re.compile(r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d > here: ([A-Z ]+)\] (.*)")


def folders(site: Site) -> places.Site:
    """Return where the site's web jobs lie."""
    return places.Site(site.settings.data_dir)


def add_webjob(
    site: Site,
    name: str,
    files: Mapping[str, str],
    kind: WebJobType = WebJobType.TRIGGERED,
    policy: Policy | None = None,
    **facts: Any,
) -> Job:
    """Write the folder of a web job and its rows; the first of *files* is its script."""
    folder = folders(site).folder(kind, name)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    new = NewJob(
        id=job_id(kind, name),
        name=name,
        task=WEB_JOB,
        mode=Mode.TRIGGERED if kind is WebJobType.TRIGGERED else Mode.CONTINUOUS,
        created_us=clock.now_us(),
        policy=policy or Policy(grace=2.0, idle_timeout=120.0),
    )
    values: dict[str, Any] = {"script": next(iter(files)), "fingerprint": "", "inputs": "{}"}
    values |= {"type": kind, "name": name, "folder": str(folder)}
    row = Facts(deployed_us=clock.now_us(), **(values | facts))
    return site.store.webjobs.add(new, row)


def queue_run(site: Site, job: Job, arguments: str | None = None, **changes: Any) -> int:
    """Queue a run of a web job; return its id."""
    params = {} if arguments is None else {"arguments": arguments}
    values: dict[str, Any] = {"created_us": clock.now_us(), "params": params}
    values |= {"name": job.name, "task": job.task, "job_key": job.key, "policy": job.policy}
    return site.store.runs.add(NewRun(**(values | changes))).id


def run_folder(site: Site, run: Run) -> Path:
    """Return the folder with the logs of a triggered run."""
    return folders(site).data(WebJobType.TRIGGERED, run.name) / runids.id_of(run.created_at)


def status_of(site: Site, run: Run) -> dict[str, str]:
    """Return what the ``status`` file of a triggered run says."""
    said: dict[str, str] = json.loads((run_folder(site, run) / "status").read_text())
    return said


def lines(path: Path) -> list[tuple[str, str]]:
    """Return level and text of each line of a log; every line has Kudu's form, ended by CRLF."""
    text = path.read_bytes().decode("utf-8")
    assert text.endswith("\r\n")
    found = [_STAMP.fullmatch(line) for line in text.removesuffix("\r\n").split("\r\n")]
    assert all(found), text
    return [(match[1], match[2]) for match in found if match]


def written(path: Path) -> list[str]:
    """Return the texts of what the run itself wrote."""
    return [text for level, text in lines(path) if not level.startswith("SYS")]
