"""POST /reload through the real server: every part works with the new catalog at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.server import Server
from tests.support.waiting import until

ONE = "[one]\nfile=runscript.py\nclass=RunScript\nscript=one.bash\n"
TWO = "[two]\nfile=runscript.py\nclass=RunScript\nscript=two.bash\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    scripts = {"one.bash": "#!/bin/sh\nexit 1\n", "two.bash": "#!/bin/sh\nexit 2\n"}
    with Server(tmp_path, catalog=ONE, files=scripts) as server:
        yield server


def _exit_code(server: Server, task: str) -> object:
    answer = server.post("/runs", json={"task": task}, headers={"Prefer": "wait=20"})
    assert answer.status_code == 200, answer.text
    return answer.json()["exit_code"]


def _replace(server: Server, role: str) -> None:
    gone = server.kill(role)
    until(lambda: server.pids()[role] not in ([], [gone]), 20, f"another {role}")
    until(server.is_ready, 20)


def test_a_new_task_runs_right_after_the_reload(server: Server) -> None:
    assert server.post("/runs", json={"task": "two"}).status_code == 404
    server.configure("catalog.cfg", ONE + TWO)

    answer = server.post("/reload")

    assert answer.status_code == 200, answer.text
    assert server.get("/catalog").json()["tasks"] == ["one", "two"]
    assert _exit_code(server, "two") == 2


def test_a_part_that_comes_up_later_knows_what_was_reloaded(server: Server) -> None:
    server.configure("catalog.cfg", ONE + TWO)
    assert server.post("/reload").status_code == 200

    _replace(server, "web")
    _replace(server, "supervisor")

    assert _exit_code(server, "two") == 2


def test_a_broken_catalog_is_refused_and_the_old_one_stays(server: Server) -> None:
    server.configure("catalog.cfg", ONE.replace("RunScript", "RunScrpt"))

    answer = server.post("/reload")

    assert answer.status_code == 400
    assert "RunScrpt" in answer.json()["description"]
    assert _exit_code(server, "one") == 1


def _preview(server: Server) -> requests.Response:
    daily = {"cron": "0 9 * * *", "calendars": ["company"], "on_excluded": "next"}
    return server.post("/triggers/preview", json={**daily, "n": 1, "from": "2026-12-23T12:00:00Z"})


def test_calendars_count_right_after_the_reload_and_a_broken_file_does_not(server: Server) -> None:
    assert _preview(server).status_code == 400
    server.configure("calendars.yaml", "company: {ranges: [{from: 2026-12-24, to: 2026-12-27}]}\n")
    assert server.post("/reload").status_code == 200
    server.configure("calendars.yaml", "company:\n  weekly: [{days: [son]}]\n")

    refused = server.post("/reload")

    assert refused.status_code == 400
    assert "calendars.yaml:2: company.weekly[0].days[0]" in refused.json()["description"]
    answer = _preview(server).json()
    assert [moment["local"] for moment in answer["next"]] == ["2026-12-28T09:00:00+00:00"]
    assert [day["date"] for day in answer["skipped"]] == [f"2026-12-{day}" for day in range(24, 28)]
