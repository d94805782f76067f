"""``jobsched jobs``, ``catalog``, ``upcoming``, ``status`` and ``token`` against a real server."""

import json
import re
from collections.abc import Iterator

import pytest

from jobsched import cli
from tests.support.client import Client, counting
from tests.support.server import Server

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with counting(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    made = Client(server.url, tmp_path_factory.mktemp("home"))
    yield made
    for job in server.get("/jobs").json()["values"]:
        server.delete(f"/jobs/{job['id']}")


def create(client: Client, *words: str) -> str:
    """Schedule a job and return its uuid."""
    said = client.good("jobs", "create", "count", "--every", "1h", *words)
    assert UUID.fullmatch(said.out)
    return said.out.strip()


def test_the_catalog_is_listed_and_a_task_is_shown(client: Client) -> None:
    assert client.good("catalog").out.split() == ["runfoo", "example", "timeout", "count"]
    assert client.good("catalog", "--json").json == ["runfoo", "example", "timeout", "count"]
    assert re.search(
        r"^description +Counts, one number a line\.$", client.good("catalog", "count").out, re.M
    )


def test_a_job_is_made_shown_changed_and_deleted(server: Server, client: Client) -> None:
    job = create(client, "word=hello", "n:=2", "--name", "hourly", "--tag", "a", "--tag", "b")

    shown = client.good("jobs", "show", "hourly", "--json").json
    assert shown == server.get(f"/jobs/{job}").json()
    assert shown["params"] == {"word": "hello", "n": 2}
    assert (shown["tags"], shown["interval"]) == (["a", "b"], "1:00:00")

    client.good("jobs", "change", "hourly", "--every", "1h30m", "--set", "history=7")
    changed = client.good("jobs", "show", job, "--json").json
    assert (changed["interval"], changed["history"]) == ("1:30:00", 7)

    said = client.good("jobs", "delete", "hourly")
    assert said.out == ""
    assert client("jobs", "show", job).code == cli.NOT_FOUND


def test_what_show_prints_can_be_given_back(client: Client) -> None:
    create(client, "--name", "before")
    shown = client.good("jobs", "show", "before", "--json")

    said = client("jobs", "change", "before", "--file", "-", "--name", "after", data=shown.out)

    assert said.code == 0, said
    assert client.good("jobs", "show", "after", "--json").json["id"] == shown.json["id"]


def test_every_kind_of_schedule_can_be_said(client: Client) -> None:
    def made(*words: str) -> dict[str, object]:
        said = client.good("jobs", "create", "count", "--json", *words)
        job: dict[str, object] = said.json
        return job

    assert made("--cron", "0 3 * * *", "--timezone", "Europe/Rome")["timezone"] == "Europe/Rome"
    assert made("--at", "2040-05-01T09:00:00+02:00")["at"] == "2040-05-01T07:00:00Z"
    assert made("--mode", "triggered")["mode"] == "triggered"
    again = '{"startTime": "2040-01-01T00:00:00Z", "recurrence": {"frequency": "day"}}'
    (client.folder / "job.json").write_text(again)
    assert made("--file", "job.json")["recurrence"]


def test_lists_go_over_all_pages_and_keep_what_the_server_says(
    server: Server, client: Client
) -> None:
    for number in range(5):
        create(client, "--name", f"job {number}")

    found = client.good("jobs", "list", "--json").json
    three = client.good("jobs", "list", "--json", "--limit", "3").json

    assert found == server.get("/jobs").json()["values"]
    assert three == found[:3]
    assert [job["name"] for job in found] == [f"job {number}" for number in range(5)]
    assert client.good("jobs", "list", "--q", "job 3", "--json").json == found[3:4]


def test_an_empty_list_is_an_empty_array_and_a_word_to_the_user(client: Client) -> None:
    assert client.good("jobs", "list", "--json").out == "[]\n"
    said = client.good("jobs", "list")
    assert (said.out, said.err) == ("", "There is none.\n")


def test_columns_stand_under_each_other_whatever_the_names_are(client: Client) -> None:
    for name in ("plain", "日本語", "e\u0301te\u0301"):
        create(client, "--name", name)

    lines = client.good("jobs", "list").out.splitlines()

    column = lines[0].index("TASK")
    assert lines[1][column:].startswith("count")
    assert lines[2][column - 3 :].startswith("count")  # three letters take six columns
    assert lines[3][column + 2 :].startswith("count")  # two accents take none


def test_a_name_of_several_jobs_is_refused_with_the_candidates(client: Client) -> None:
    jobs = {create(client, "--name", "twin"), create(client, "--name", "twin")}

    said = client("run", "twin")

    assert said.code == cli.USAGE
    assert {line.split()[0] for line in said.err.splitlines()[1:]} == jobs
    assert client.good("runs", "list", "--json").json == []


def test_jobs_are_paused_and_resumed_one_or_all(client: Client) -> None:
    create(client, "--name", "one")

    client.good("jobs", "pause", "one", "--until", "2h", "--reason", "moving")
    paused = client.good("jobs", "show", "one", "--json").json
    client.good("jobs", "resume", "one")
    resumed = client.good("jobs", "show", "one", "--json").json
    everything = client.good("jobs", "pause", "--all", "--json").json
    status = client.good("status").out
    client.good("jobs", "resume", "--all")

    assert (paused["state"], paused["state_reason"]) == ("paused", "paused by loopback: moving")
    assert paused["paused_until"]
    assert resumed["state"] == "active"
    assert everything["paused"] is True
    assert re.search("^scheduling +paused", status, re.M)
    assert client.good("status", "--json").json["scheduling"]["paused"] is False


def test_occurrences_and_what_is_upcoming_are_listed(client: Client) -> None:
    job = create(client, "--name", "hourly")

    planned = client.good("jobs", "occurrences", "hourly", "--to", "5h", "--json").json
    upcoming = client.good("upcoming", "--hours", "5", "--json").json

    assert [each["outcome"] for each in planned] == ["planned"] * len(planned)
    assert len(planned) in {4, 5}
    assert {each["job"] for each in upcoming} == {job}
    assert client.good("upcoming", "--utc").out.count("hourly") >= 20
    assert client("upcoming", "--hours", "1000").code == cli.USAGE


def test_times_are_local_with_their_offset_or_utc(client: Client) -> None:
    create(client, "--name", "x", "--set", "end=2040-07-01T10:00:00Z")

    local = client.good("jobs", "show", "x", TZ="Europe/Rome").out
    utc = client.good("jobs", "show", "x", "--utc", TZ="Europe/Rome").out

    assert re.search(r"^end +2040-07-01 12:00:00\+02:00$", local, re.M)
    assert re.search(r"^end +2040-07-01 10:00:00Z$", utc, re.M)


def test_status_shows_the_parts(server: Server, client: Client) -> None:
    said = client.good("status")

    assert re.search(r"^web +\d+ +running", said.out, re.M)
    assert {part["name"] for part in client.good("status", "--json").json["parts"]} == {
        "web", "scheduler", "supervisor"
    }  # fmt: skip


def test_tokens_of_a_server_are_made_listed_and_taken_back(client: Client, server: Server) -> None:
    url = ["--url", server.url]

    token = client.good("token", "create", "--role", "admin", "--name", "a", *url).out.strip()
    listed = client.good("token", "list", "--json", *url, JOBSCHED_TOKEN=token).json
    number = str(listed[0]["id"])
    revoked = client("token", "revoke", number, *url, JOBSCHED_TOKEN=token)

    assert [each["name"] for each in listed] == ["a"]
    assert token not in json.dumps(listed)
    assert revoked.code == 0
    assert client.good("jobs", "list", "--json").json == []
