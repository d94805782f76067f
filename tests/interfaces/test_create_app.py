"""The interfaces in somebody else's hands: ``create_app`` and ``register``.

Each in a process of its own: an application keeps its database and its sockets for good.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.native import write_configuration

ROOT = Path(__file__).parents[2]


class Place:
    """A configuration, a token, and programs that use both."""

    def __init__(self, folder: Path) -> None:
        write_configuration(folder)
        folders = {"conf": "conf", "tasks": "tasks", "data": "var"}
        self.folder = folder
        self.flags = {f"{name}_dir": str(folder / path) for name, path in folders.items()}

    def run(self, *argv: str) -> "subprocess.CompletedProcess[str]":
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        command = [sys.executable, *argv]
        options: dict[str, Any] = {"cwd": self.folder, "env": environ, "timeout": 60}
        return subprocess.run(command, capture_output=True, text=True, check=False, **options)

    def answers(self, script: str) -> list[Any]:
        """Run *script*, in which ``flags`` and ``headers`` are known, and ``answer`` tells."""
        (self.folder / "var").mkdir(mode=0o700)
        data = ["--data-dir", str(self.folder / "var")]
        token = self.run("-m", "jobsched", "token", "create", "--name=t", "--role=admin", *data)
        headers = {"Authorization": f"Bearer {token.stdout.strip()}"}
        known = f"flags, headers = {self.flags!r}, {headers!r}\n"
        tell = "import json\ndef answer(fact): print(json.dumps(fact), flush=True)\n"
        done = self.run("-c", tell + known + script)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_an_application_serves_all_interfaces(place: Place) -> None:
    answers = place.answers("""
import jobsched
client = jobsched.create_app(**flags).test_client()
answer(client.post("/runs", json={"task": "example"}, headers=headers).status_code)
answer(client.get("/runs", headers=headers).get_json()["values"][0]["state"])
answer(client.get("/healthz").status_code)
""")

    assert answers == [202, "queued", 200]


def test_the_gate_stands_before_the_routes_of_others(place: Place) -> None:
    answers = place.answers("""
import flask, jobsched.app
app = flask.Flask("theirs")
app.add_url_rule("/theirs", "theirs", lambda: "served")
jobsched.app.register(app, **flags)
client = app.test_client()
answer(client.get("/theirs").status_code)
answer(client.get("/theirs", headers=headers).text)
answer(client.get("/theirs", headers=headers, base_url="http://evil.example").status_code)
""")

    assert answers == [401, "served", 400]


def test_a_reload_reads_the_configuration_again(place: Place) -> None:
    catalog = place.folder / "conf" / "catalog.cfg"

    answers = place.answers(f"""
import jobsched, pathlib
client = jobsched.create_app(**flags).test_client()
pathlib.Path({str(catalog)!r}).write_text("[fresh]\\nfile=example.py\\nclass=Example\\n")
answer(client.post("/reload", headers=headers).status_code)
answer(client.get("/catalog", headers=headers).get_json())
""")

    assert answers == [200, {"tasks": ["fresh"]}]


def test_an_application_without_a_catalog_is_refused(place: Place) -> None:
    (place.folder / "conf" / "catalog.cfg").unlink()

    done = place.run("-c", f"import jobsched; jobsched.create_app(**{place.flags!r})")

    assert done.returncode == 1
    assert "ConfigurationError" in done.stderr
    assert "catalog.cfg" in done.stderr
