"""Failed records through the real server: reported by tasks and scripts, given to retries."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.records import CATALOG, FILES, TASKS, counts, records, retry
from tests.support.runs import done, output, row, start
from tests.support.server import Server
from tests.support.waiting import until

WRONG = [*range(27, 1001, 27)]  # 37 of them
STILL = WRONG[::5]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("records")
    with Server(folder, catalog=CATALOG, tasks=TASKS, files=FILES) as server:
        yield server


def ids(found: list[dict[str, Any]]) -> list[int]:
    return [one["data"]["id"] for one in found]


@pytest.mark.parametrize("task", ["customers", "forked"])
@pytest.mark.parametrize("by", ["data", "id"])
def test_C14_of_1000_records_a_retry_gets_the_37_that_failed_and_the_next_the_rest(
    server: Server, task: str, by: str
) -> None:
    run = start(server, task, params={"wrong": [WRONG, STILL], "by": by})
    first = done(server, run)
    assert (first["outcome"], counts(first)) == ("succeeded", (963, 37, 0))
    assert (first["open_records"], first["retriable"]) == (37, True)
    assert ids(records(server, run, limit=10)) == WRONG

    again = retry(server, f"/runs/{run}")
    second = done(server, again)

    assert output(server, again).decode().split() == ["customers", *map(str, WRONG)]
    assert (second["retry_of"], counts(second)) == (run, (29, 8, 0))
    assert counts(row(server, run)) == (992, 8, 0)
    assert ids(records(server, run, state="open")) == STILL
    assert ids(records(server, again)) == STILL
    assert (row(server, run)["retriable"], second["retriable"]) == (False, True)

    last = retry(server, f"/runs/{again}")
    third = done(server, last)

    assert output(server, last).decode().split() == ["customers", *map(str, STILL)]
    every = [row(server, run), row(server, again), third]
    assert [counts(one) for one in every] == [(1000, 0, 0), (37, 0, 0), (8, 0, 0)]
    assert not any(one["retriable"] for one in every)
    resolved = records(server, run)
    assert {one["state"] for one in resolved} == {"resolved"}
    assert [one["attempts"] for one in resolved if one["data"]["id"] in STILL] == [3] * 8
    refused = server.post(f"/runs/{again}/retry")
    assert (refused.status_code, f"run {last}" in refused.json()["detail"]) == (409, True)
    refused = server.post(f"/runs/{last}/retry")
    assert refused.status_code == 409
    assert "the records that it was given are all resolved" in refused.json()["detail"]


def test_a_script_reports_by_its_command_and_by_its_file(server: Server) -> None:
    run = start(server, "script")
    first = done(server, run)

    assert (first["outcome"], counts(first)) == ("succeeded", (3, 3, 2))
    found = records(server, run)
    assert [one["data"] for one in found] == [{"name": "a"}, {"name": "b"}, "c"]
    assert [(one["message"], one["code"]) for one in found[1:]] == [("no b", "E1"), ("no c", None)]

    again = retry(server, f"/runs/{run}")
    done(server, again)

    given = [json.loads(line) for line in output(server, again).splitlines()]
    assert given == [{"retry_id": one["retry_id"], "data": one["data"]} for one in found]
    assert (counts(row(server, run)), counts(row(server, again))) == ((6, 0, 2), (3, 0, 0))


def test_a_failed_script_run_is_one_record(server: Server) -> None:
    run = start(server, "customers", params={"silent": True, "exit": 3})
    first = done(server, run)

    assert (counts(first), first["retriable"]) == ((0, 1, 0), True)
    [record] = records(server, run)
    assert (record["number"], record["data"], record["state"]) == (0, None, "open")
    again = retry(server, f"/records/{record['retry_id']}")
    second = done(server, again)
    assert output(server, again).decode().split() == ["customers", "1000"]
    assert (counts(second), counts(row(server, run))) == ((0, 1, 0), (0, 1, 0))


def test_a_retry_by_itself_gets_the_records_too(server: Server) -> None:
    run = start(server, "again", params={"wrong": [[1, 2]], "exit": 1})
    first = done(server, run)

    retry_run = first["retried_by"]
    done(server, retry_run)

    assert output(server, retry_run).decode().split() == ["customers", "1", "2"]


def test_data_that_was_put_right_is_what_the_retry_of_one_record_gets(server: Server) -> None:
    run = start(server, "customers", params={"wrong": [[5, 6]]})
    done(server, run)
    [five, six] = records(server, run)

    changed = server.put(f"/records/{five['retry_id']}", json={"data": {"id": 500}})
    again = retry(server, f"/records/{five['retry_id']}")
    done(server, again)

    assert (changed.status_code, changed.json()["data"]) == (200, {"id": 500})
    assert output(server, again).decode().split() == ["customers", "500"]
    assert counts(row(server, run)) == (999, 1, 0)
    assert ids(records(server, run, state="open")) == [6]
    refused = server.put(f"/records/{five['retry_id']}", json={"data": 1})
    assert (refused.status_code, "resolved" in refused.json()["detail"]) == (409, True)
    assert server.get(f"/records/{six['retry_id']}").json()["given_to"] is None


def test_nothing_of_it_is_left_on_the_disk(server: Server) -> None:
    def left() -> list[Path]:
        return [path for path in (server.data / "reports").iterdir() if "." in path.name]

    done(server, start(server, "script"))

    until(lambda: not left(), message="no reports are left")


def test_a_web_job_reports_and_retries_like_any_script(server: Server) -> None:
    folder = server.data / "site" / "wwwroot" / "App_Data" / "jobs" / "triggered" / "reports"
    folder.mkdir(parents=True)
    (folder / "run.sh").write_text(FILES["records.sh"])

    def asked() -> bool:
        return server.post("/api/triggeredwebjobs/reports/run").status_code == 202

    until(asked, 15, "the web job is found")
    [run] = [one["id"] for one in server.runs() if one["name"] == "reports"]
    first = done(server, run)

    assert (first["task"], counts(first)) == ("WebJob", (3, 3, 2))
    again = retry(server, f"/runs/{run}")
    done(server, again)
    assert len(output(server, again).splitlines()) == 3
    assert counts(row(server, run)) == (6, 0, 2)


def test_a_process_that_a_task_forks_is_counted_too(server: Server) -> None:
    run = start(server, "forks")

    assert counts(done(server, run)) == (5, 2, 0)
    assert [one["data"] for one in records(server, run)] == ["child", "parent"]
