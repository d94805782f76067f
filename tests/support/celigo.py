"""Clients of Celigo's job API, and flows for them to run on a real server."""

from typing import Any

from tests.support import records
from tests.support.server import Server
from tests.support.waiting import until

Job = dict[str, Any]
ENDS = {"completed", "failed", "canceled"}
CATALOG = f"""{records.CATALOG}
[held]
file=held.py
class=Held
jobsched.params=gate, code
"""
HELD = '''
import sys, time
from pathlib import Path

class Held:
    """Runs until the file that its parameter names exists."""

    def __call__(self, info):
        print("held", flush=True)
        while info.params.get("gate") and not Path(info.params["gate"]).exists():
            time.sleep(0.02)
        sys.exit(info.params.get("code") or 0)
'''
TASKS = {**records.TASKS, "held.py": HELD}
FILES = records.FILES


class CeligoServer(Server):
    """A server with flows that a test holds until it opens their gate."""

    def __init__(self, folder: Any, **more: Any) -> None:
        super().__init__(folder, catalog=CATALOG, tasks=TASKS, files=FILES, **more)
        (folder / "gates").mkdir()

    def flow(self, task: str = "held", **fields: Any) -> str:
        """Make a job that runs when it is asked to; return its uuid."""
        fields.setdefault("name", task)
        response = self.post("/jobs", json={"task": task, "mode": "triggered", **fields})
        assert response.status_code == 202, response.text
        return response.headers["Location"].rsplit("/", 1)[1]

    def held(self, gate: str, code: int = 0, **fields: Any) -> str:
        """Make a job that runs until :meth:`open` of its gate; return its uuid."""
        path = str(self.folder / "gates" / gate)
        return self.flow(params={"gate": path, "code": code}, **fields)

    def open(self, gate: str) -> None:
        """Let what waits at a gate go on."""
        (self.folder / "gates" / gate).touch()

    def run(self, flow: str, **given: Any) -> Job:
        """Create a job of *flow*; return what the answer shows."""
        response = self.post("/v1/jobs", json={"type": "flow", "_flowId": flow, **given})
        assert response.status_code == 201, response.text
        job: Job = response.json()
        return job

    def job(self, job: Job | str) -> Job:
        """Return a job as it is now."""
        number = job if isinstance(job, str) else job["_id"]
        response = self.get(f"/v1/jobs/{number}")
        assert response.status_code == 200, response.text
        found: Job = response.json()
        return found

    def reaches(self, job: Job | str, *statuses: str) -> Job:
        """Wait until a job has one of *statuses*; return it."""
        last: Job = {}

        def there() -> bool:
            nonlocal last
            last = self.job(job)
            return last["status"] in statuses

        until(there, 20, f"{statuses}: {last}")
        return last

    def over(self, job: Job | str) -> Job:
        """Wait for the end of a job; return it."""
        return self.reaches(job, *ENDS)

    def listed(self, **query: Any) -> list[Job]:
        """Return all jobs that pass a query, over all pages."""
        url: str | None = "/v1/jobs"
        found: list[Job] = []
        while url:
            response = self.get(url, params=query)
            assert response.status_code == 200, response.text
            found += response.json()
            url, query = response.links.get("next", {}).get("url"), {}
        return found

    def errors(self, job: Job | str, **query: Any) -> list[Job]:
        """Return all errors of a job, over all pages."""
        number = job if isinstance(job, str) else job["_id"]
        url: str | None = f"/v1/jobs/{number}/joberrors"
        found: list[Job] = []
        while url:
            response = self.get(url, params=query)
            assert response.status_code == 200, response.text
            found += response.json()
            url, query = response.links.get("next", {}).get("url"), {}
        return found


def numbers(job: Job) -> tuple[int, int, int]:
    """Return numSuccess, numError, numIgnore of a job."""
    return job["numSuccess"], job["numError"], job["numIgnore"]


def refused(response: Any, status: int) -> str:
    """Check the form of a refusal; return its first error's message."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert all(error["code"] and error["message"] for error in body["errors"])
    message: str = body["errors"][0]["message"]
    return message
