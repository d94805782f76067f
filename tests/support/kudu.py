"""A client of Kudu for tests: deploys web jobs over HTTP or by hand, runs them, waits for them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from tests.support.server import Server
from tests.support.waiting import until
from tests.support.zips import zipped

Json = dict[str, Any]
ZIP = {"Content-Type": "application/zip", "Content-Disposition": "attachment; filename=job.zip"}
DONE = {"Success", "Failed", "Aborted"}


class Kudu:
    """What a client does with the web jobs of *server*; addresses are those of today."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def folder(self, kind: str, name: str = "") -> Path:
        """Return the folder of a job on disk."""
        return self.server.data / "site" / "wwwroot" / "App_Data" / "jobs" / kind / name

    def data(self, kind: str, name: str) -> Path:
        """Return the folder with a job's logs."""
        return self.server.data / "data" / "jobs" / kind / name

    def copy(self, kind: str, name: str, files: Mapping[str, str], **settings: Any) -> Path:
        """Copy a job to its place by hand, as seed 000 begins; nobody is told."""
        folder = self.folder(kind, name)
        folder.mkdir(parents=True, exist_ok=True)
        written = {"settings.job": json.dumps(settings)} if settings else {}
        for path, text in {**written, **files}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        return folder

    def put(
        self, kind: str, name: str, files: Mapping[str, str], **settings: Any
    ) -> requests.Response:
        """Deploy a job as a zip file and return the answer."""
        written = {"settings.job": json.dumps(settings)} if settings else {}
        body = zipped({**written, **files})
        return self.server.put(f"/api/{kind}webjobs/{name}", data=body, headers=ZIP)

    def deploy(
        self, kind: str, name: str, script: str, file: str = "run.sh", **settings: Any
    ) -> Json:
        """Deploy a job of one *script* and return its object."""
        job: Json = checked(self.put(kind, name, {file: script}, **settings))
        return job

    def job(self, kind: str, name: str) -> Json:
        """Return the object of a job."""
        job: Json = checked(self.server.get(f"/api/{kind}webjobs/{name}"))
        return job

    def names(self, kind: str) -> list[str]:
        """Return the names of the listed jobs of a type."""
        return [job["name"] for job in checked(self.server.get(f"/api/{kind}webjobs"))]

    def start(self, name: str, **options: Any) -> str:
        """Ask for a run and return its URL."""
        response = self.server.post(f"/api/triggeredwebjobs/{name}/run", **options)
        assert response.status_code == 202, response.text
        return response.headers["Location"]

    def run(self, name: str, seconds: float = 20, **options: Any) -> Json:
        """Run a triggered job to its end and return the run."""
        return self.ended(self.start(name, **options), seconds)

    def ended(self, url: str, seconds: float = 20) -> Json:
        """Wait until the run at *url* is over and return it."""

        def over() -> Json | None:
            run: Json = checked(self.server.get(url))
            return run if run["status"] in DONE else None

        found = until(over, seconds, f"the end of {url}")
        assert found is not None
        return found

    def history(self, name: str) -> list[Json]:
        """Return the runs of a job, newest first."""
        answer = checked(self.server.get(f"/api/triggeredwebjobs/{name}/history"))
        assert isinstance(answer["runs"], list)
        return answer["runs"]

    def output(self, run: Json, kind: str = "output") -> str:
        """Return what a run's log file on disk holds; nothing when there is none."""
        path = self.data("triggered", run["job_name"]) / run["id"] / f"{kind}_log.txt"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def log(self, name: str) -> str:
        """Return the log of a continuous job."""
        path = self.data("continuous", name) / "job_log.txt"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def status(self, name: str) -> str:
        """Return the status of a continuous job."""
        return str(self.job("continuous", name)["status"])

    def becomes(self, name: str, status: str, seconds: float = 20) -> Json:
        """Wait until a continuous job has a *status* and return its object."""
        until(lambda: self.status(name) == status, seconds, f"{name} is {status}")
        return self.job("continuous", name)

    def stop(self, name: str) -> None:
        """Stop a continuous job."""
        self.asked("POST", f"/api/continuouswebjobs/{name}/stop")

    def delete(self, kind: str, name: str) -> None:
        """Delete a job."""
        self.asked("DELETE", f"/api/{kind}webjobs/{name}")

    def asked(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request that is answered with 200."""
        response = self.server.request(method, path, **options)
        assert response.status_code == 200, f"{response.status_code} {response.text}"
        return response

    def set(self, **values: str) -> None:
        """Set app settings."""
        response = self.server.post("/api/settings", json=values)
        assert response.status_code == 204, response.text

    def unset(self, *names: str) -> None:
        """Remove app settings."""
        for name in names:
            assert self.server.delete(f"/api/settings/{name}").status_code == 204


def checked(response: requests.Response) -> Any:
    """Return the JSON of a good answer, whose type clients compare with its charset."""
    assert response.status_code == 200, f"{response.status_code} {response.text}"
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    return response.json()
