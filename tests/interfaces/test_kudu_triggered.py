"""Triggered web jobs as clients of Kudu run them, over HTTP, with real scripts.

W..: spec/seeds.md, section 2. Other names are those of Kudu's own WebJobsTests.
"""

import re
from collections.abc import Iterator

import psutil
import pytest

from tests.support.kudu import Kudu
from tests.support.processes import command_of
from tests.support.server import Server
from tests.support.waiting import until

CAPTURED = [
    "latest_run", "history_url", "scheduler_logs_url", "name", "run_command", "url",
    "extra_info_url", "type", "error", "using_sdk", "settings",
]  # fmt: skip
RUN = [
    "id", "name", "status", "start_time", "end_time", "duration", "output_url", "error_url", "url",
    "job_name", "trigger",
]  # fmt: skip
SEED_JOB = ["name", "runCommand", "type", "url", "history_url", "extra_info_url", "latest_run"]
SEED_RUN = ["id", "status", "start_time", "end_time", "duration", "output_url", "error_url", "url"]
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
FOR_EVER = "echo begun\nsleep 300 & wait\n"


@pytest.fixture(scope="module")
def kudu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kudu]:
    with Server(tmp_path_factory.mktemp("triggered")) as server:
        yield Kudu(server)


@pytest.fixture(scope="module")
def ran(kudu: Kudu) -> str:
    """A job that has run once, with both streams."""
    kudu.deploy("triggered", "ran", "echo out\necho oops >&2\n")
    assert kudu.run("ran")["status"] == "Success"
    return "ran"


def pids_of(kudu: Kudu, mark: str) -> list[psutil.Process]:
    return [each for each in kudu.server.processes() if mark in command_of(each)]


def test_W18_the_list_is_a_bare_array_of_job_objects(kudu: Kudu, ran: str) -> None:
    jobs = kudu.server.get("/jobs/triggered").json()

    job = next(job for job in jobs if job["name"] == ran)
    assert [key for key in job if key in CAPTURED] == CAPTURED
    assert job["runCommand"] == job["run_command"] == "run.sh"
    assert job["type"] == "triggered"
    assert (job["error"], job["using_sdk"], job["settings"]) == (None, False, {})
    assert job["scheduler_logs_url"] is None
    assert job["next_run"] is None


def test_the_sample_of_the_seed_field_by_field(kudu: Kudu, ran: str) -> None:
    job = kudu.server.get(f"/jobs/triggered/{ran}").json()
    run = job["latest_run"]

    assert set(SEED_JOB) <= set(job)
    assert set(SEED_RUN) <= set(run)
    assert job["runCommand"].endswith("run.sh")
    assert run["url"].endswith(f"/{ran}/history/{run['id']}")
    assert job["history_url"].endswith(f"/{ran}/history")
    assert all(MOMENT.fullmatch(run[key]) for key in ("start_time", "end_time"))
    assert kudu.server.get(f"/jobs/triggered/{ran}/history").json()["runs"][0] == run


def test_W18_a_job_that_has_never_run_has_no_latest_run(kudu: Kudu) -> None:
    job = kudu.deploy("triggered", "fresh", "true\n")

    assert job["latest_run"] is None
    assert kudu.history("fresh") == []


def test_W19_a_run_object_has_all_its_fields(kudu: Kudu, ran: str) -> None:
    run = kudu.job("triggered", ran)["latest_run"]

    assert list(run) == RUN
    assert re.fullmatch(r"\d{18}", run["id"])
    assert run["name"] == run["id"]
    assert run["id"][:14] == re.sub(r"\D", "", run["start_time"])[:14]
    assert MOMENT.fullmatch(run["start_time"])
    assert MOMENT.fullmatch(run["end_time"])
    assert re.fullmatch(r"\d\d:\d\d:\d\d", run["duration"])
    assert run["job_name"] == ran


def test_W19_every_address_is_absolute_and_answers(kudu: Kudu, ran: str) -> None:
    job = kudu.job("triggered", ran)
    addresses = [job["url"], job["history_url"], job["extra_info_url"]]
    addresses += [job["latest_run"][key] for key in ("url", "output_url", "error_url")]

    answers = {url: kudu.server.get(url.partition("#")[0]).status_code for url in addresses}

    assert all(url.startswith(kudu.server.url) for url in addresses)
    assert set(answers.values()) == {200}, answers


def test_the_page_of_a_job_has_its_anchor(kudu: Kudu, ran: str) -> None:
    url, _, anchor = kudu.job("triggered", ran)["extra_info_url"].partition("#")

    page = kudu.server.get(url)

    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f'<tr id="{anchor}">' in page.text


def test_W20_one_job_is_the_same_object(kudu: Kudu, ran: str) -> None:
    listed = next(job for job in kudu.server.get("/api/webjobs").json() if job["name"] == ran)

    assert kudu.job("triggered", ran) == listed


def test_W20_an_unknown_job_is_a_404_with_nothing_in_it(kudu: Kudu) -> None:
    response = kudu.server.get("/api/triggeredwebjobs/unknown")

    assert (response.status_code, response.content) == (404, b"")


def test_W21_a_run_is_accepted_with_its_location_and_succeeds(kudu: Kudu, ran: str) -> None:
    response = kudu.server.post(f"/api/triggeredwebjobs/{ran}/run")

    assert (response.status_code, response.content) == (202, b"")
    where = response.headers["Location"]
    assert where.startswith(f"{kudu.server.url}/api/triggeredwebjobs/{ran}/history/")
    assert kudu.ended(where)["status"] == "Success"
    assert kudu.history(ran)[0]["url"] == where


def test_W21_another_exit_status_is_a_failure(kudu: Kudu) -> None:
    kudu.deploy("triggered", "failing", "exit 3\n")

    assert kudu.run("failing")["status"] == "Failed"


def test_W22_a_run_is_refused_while_another_one_lives(kudu: Kudu) -> None:
    kudu.deploy("triggered", "busy", FOR_EVER)
    first = kudu.start("busy")

    second = kudu.server.post("/api/triggeredwebjobs/busy/run")

    assert second.status_code == 409
    assert second.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "already running" in second.text
    kudu.asked("POST", "/api/triggeredwebjobs/busy/stop")
    assert kudu.ended(first)["status"] == "Aborted"


def test_W23_an_unknown_job_cannot_be_run(kudu: Kudu) -> None:
    response = kudu.server.post("/api/triggeredwebjobs/unknown/run")

    assert response.status_code == 404
    assert "'unknown'" in response.text


def test_W24_a_stop_ends_the_whole_tree(kudu: Kudu) -> None:
    kudu.deploy("triggered", "tree", "sleep 321 & sleep 321 & wait\n")
    url = kudu.start("tree")
    until(lambda: len(pids_of(kudu, "321")) == 2, message="both children run")

    kudu.asked("POST", "/jobs/triggered/tree/stop")

    assert kudu.server.get(url).json()["status"] == "Aborted"
    assert pids_of(kudu, "321") == []


def test_W24_a_stop_of_nothing_changes_nothing(kudu: Kudu, ran: str) -> None:
    before = kudu.history(ran)

    kudu.asked("POST", f"/api/triggeredwebjobs/{ran}/stop")

    assert kudu.history(ran) == before
    assert kudu.server.post("/api/triggeredwebjobs/unknown/stop").status_code == 404


def test_one_run_can_be_stopped(kudu: Kudu) -> None:
    kudu.deploy("triggered", "one", FOR_EVER)
    url = kudu.start("one")

    kudu.asked("POST", f"{url}/stop")
    again = kudu.server.post(f"{url}/stop")

    assert kudu.server.get(url).json()["status"] == "Aborted"
    assert again.status_code == 200
    assert (
        kudu.server.post("/api/triggeredwebjobs/one/history/19990101000000/stop").status_code == 404
    )


def test_W25_the_history_begins_with_the_newest_run(kudu: Kudu) -> None:
    kudu.deploy("triggered", "often", "true\n")
    ids = [kudu.run("often")["id"] for _ in range(3)]

    assert [run["id"] for run in kudu.history("often")] == ids[::-1]
    assert ids == sorted(ids)


def test_W25_the_history_has_an_entity_tag(kudu: Kudu, ran: str) -> None:
    path = f"/api/triggeredwebjobs/{ran}/history"
    first = kudu.server.get(path)
    tag = first.headers["ETag"]
    newest = first.json()["runs"][0]

    same = kudu.server.get(path, headers={"If-None-Match": tag})
    kudu.run(ran)
    changed = kudu.server.get(path, headers={"If-None-Match": tag})

    assert tag == f'"{newest["id"]}-{newest["status"]}-{newest["end_time"]}"'
    assert (same.status_code, same.content) == (304, b"")
    assert changed.status_code == 200


def test_W26_a_run_is_found_by_its_id(kudu: Kudu, ran: str) -> None:
    run = kudu.history(ran)[0]
    path = f"/api/triggeredwebjobs/{ran}/history"

    assert kudu.server.get(f"{path}/{run['id']}").json() == run
    for number in ("202001010000000000", "20200101000000", "0", "x", "99999999999999", "१२"):
        assert kudu.server.get(f"{path}/{number}").status_code == 404


def test_a_run_is_found_by_the_14_digits_of_the_seed(kudu: Kudu) -> None:
    kudu.deploy("triggered", "seed", "true\n")
    run = kudu.run("seed")

    found = kudu.server.get(f"/jobs/triggered/seed/history/{run['id'][:14]}")

    assert found.json() == run


def test_W27_the_output_is_below_the_data_folder_under_old_names_too(kudu: Kudu, ran: str) -> None:
    run = kudu.history(ran)[-1]
    base = f"{kudu.server.url}/vfs/data/jobs/triggered/{ran}/{run['id']}"
    assert run["output_url"] == f"{base}/output_log.txt"
    assert run["error_url"] == f"{base}/error_log.txt"

    for new, old, word in (("output_log.txt", "output", "out"), ("error_log.txt", "error", "oops")):
        answer = kudu.server.get(f"{base}/{new}")
        alias = kudu.server.get(f"{base}/{old}_{run['id']}.log")
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert word in answer.text
        assert alias.content == answer.content


def test_W27_without_stderr_there_is_no_error_url(kudu: Kudu) -> None:
    kudu.deploy("triggered", "quiet", "echo all is well\n")

    run = kudu.run("quiet")

    assert run["error_url"] is None
    assert "all is well" in kudu.output(run)


def test_the_output_url_is_there_from_the_start(kudu: Kudu) -> None:
    kudu.deploy("triggered", "live", FOR_EVER)
    url = kudu.start("live")
    until(lambda: kudu.server.get(url).json()["status"] == "Running", message="the run runs")

    run = kudu.server.get(url).json()

    assert run["output_url"] is not None
    assert run["end_time"] == "0001-01-01T00:00:00"
    assert re.fullmatch(r"\d\d:\d\d:\d\d", run["duration"])
    kudu.asked("POST", "/api/triggeredwebjobs/live/stop")


def test_arguments_come_by_query_json_or_form(kudu: Kudu) -> None:
    kudu.deploy("triggered", "told", 'echo "n=$# 1=[$1] 2=[$2] all=[$WEBJOBS_COMMAND_ARGUMENTS]"\n')
    said = '"first arg" second+arg'

    for way in ("params", "json", "data"):
        run = kudu.run("told", **{way: {"arguments": said}})  # type: ignore[arg-type]
        assert f"n=2 1=[first arg] 2=[second+arg] all=[{said}]" in kudu.output(run)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"json": {"arguments": 3}}, "text"),
        ({"data": "{", "headers": {"Content-Type": "application/json"}}, "JSON"),
        ({"data": "[]", "headers": {"Content-Type": "application/json"}}, "object"),
        ({"data": {"arguments": "x" * 9000}}, "8192"),
        ({"json": {"arguments": "a\0b"}}, "NUL"),
    ],
)
def test_bad_arguments_are_refused(
    kudu: Kudu, ran: str, options: dict[str, str], word: str
) -> None:
    before = kudu.history(ran)

    response = kudu.server.post(f"/api/triggeredwebjobs/{ran}/run", **options)

    assert response.status_code == 400
    assert word in response.text
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert kudu.history(ran) == before


def test_the_trigger_tells_the_program_that_asked(kudu: Kudu, ran: str) -> None:
    run = kudu.run(ran, headers={"User-Agent": "deployer/1.2 (linux; x64)"})

    assert run["trigger"] == "External - deployer/1.2 (linux; x64)"
    shown = kudu.server.get("/runs?limit=1").json()["values"][0]
    assert shown["requested_by"] == "loopback (deployer/1.2 (linux; x64))"


def test_a_job_without_its_interpreter_fails_at_once_and_says_why(kudu: Kudu) -> None:
    kudu.deploy("triggered", "windows", "echo hi\r\n", file="run.cmd")

    runs = [kudu.server.get(kudu.start("windows")).json() for _ in range(2)]

    assert [run["status"] for run in runs] == ["Failed", "Failed"]
    assert "SCRIPT_TYPES" in kudu.output(runs[0])
    assert "windows" in kudu.names("triggered")


@pytest.mark.parametrize(
    ("file", "script"),
    [
        ("run.sh", "echo hello from $WEBJOBS_NAME\n"),
        ("run.py", "import os\nprint('hello from', os.environ['WEBJOBS_NAME'])\n"),
        ("run.js", "console.log('hello from', process.env.WEBJOBS_NAME)\n"),
    ],
)
def test_W10_scripts_run_by_their_interpreters(kudu: Kudu, file: str, script: str) -> None:
    name = f"by-{file[4:]}"
    assert kudu.deploy("triggered", name, script, file=file)["run_command"] == file

    run = kudu.run(name)

    assert run["status"] == "Success"
    assert f"hello from {name}" in kudu.output(run)
