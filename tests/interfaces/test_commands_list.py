"""Seed 001: /jobinfo."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import runs
from tests.support.commands import JobSchedServer
from tests.support.server import Server
from tests.support.waiting import until

HEADER = "jobid\tname\tjobgroup\tstatus\treturncode\tmsg\ttime\tcommand"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobSchedServer]:
    """Jobs 1 to 7: four over, each in its way, two running, one waiting for a place."""
    with JobSchedServer(tmp_path_factory.mktemp("commands"), jobs=2) as running:
        running.over(running.submit("true", name="sleep", group="a"))
        running.over(running.submit("exit 4", name="other", group="b"))
        running.over(running.submit("true", name="sleep", outlog="no/where"))
        running.reaches(running.submit("sleep 60", name="sleep", group="a"), "running")
        running.ask("kill", jobid=4)
        for number in (5, 6):
            running.reaches(running.submit("sleep 60", name=f"long{number}"), "running")
        running.submit("sleep 60", name="sleep")
        yield running


def ids(server: JobSchedServer, **filters: object) -> list[int]:
    return [int(row["jobid"]) for row in server.rows(**filters)]


def test_S22_without_filters_what_is_not_over_is_shown(server: JobSchedServer) -> None:
    header, *lines = server.ask("jobinfo").splitlines()

    assert header == HEADER
    assert [line.split("\t")[0] for line in lines] == ["5", "6", "7"]
    assert [line.split("\t")[3] for line in lines] == ["running", "running", "queued"]
    # Why it waits is said once somebody has looked for a place in vain.
    until(lambda: "no place is free: 2 of 2 are taken" in server.ask("jobinfo").splitlines()[3])


def test_S23_jobs_are_shown_by_id_whatever_their_status(server: JobSchedServer) -> None:
    assert ids(server, jobid="1,3") == [1, 3]
    assert ids(server, jobid=" 6 , 1,99") == [1, 6]
    assert ids(server, jobid="0,-1,1000000000," + "9" * 5000) == []
    for wrong in ("x", "1e9", "all", "1.0", "\u0661", "1,,x"):
        assert server.ask("jobinfo", jobid=wrong).startswith("Error: cannot convert "), wrong


@pytest.mark.parametrize("name", ["job", "name"])
def test_S24_name_and_group_filter_together(server: JobSchedServer, name: str) -> None:
    assert ids(server, **{name: "sleep"}, group="default") == [3, 7]
    assert ids(server, **{name: "sleep,other"}, group="a,b") == [1, 2, 4]
    assert ids(server, **{name: "sleep"}, status="success") == [1]
    assert ids(server, **{name: "nobody"}) == []
    assert ids(server, **{name: "sleep"}, jobid="2,3") == [3]


def test_S25_jobs_are_shown_by_status(server: JobSchedServer) -> None:
    assert ids(server, status="killed,failed") == [3, 4]
    assert ids(server, status="failure") == [3]
    assert ids(server, status="success") == [1, 2]
    assert ids(server, status="running") == [5, 6]
    assert ids(server, status="queued,success") == [1, 2, 7]
    answer = server.ask("jobinfo", status="done")
    assert answer.startswith("Error: there is no status 'done'; there are queued, running, ")


def test_S26_all_jobs_are_shown_whatever_else_is_asked(server: JobSchedServer) -> None:
    everything = list(range(1, 8))

    assert ids(server, all=1) == everything
    assert ids(server, all=1, jobid=1, name="x", status="queued") == everything
    assert ids(server, all=0, jobid=1) == [1]
    assert server.ask("jobinfo", all="yes").startswith("Error: all must be 0 or 1")


def test_S27_each_job_is_one_line_of_columns(server: JobSchedServer) -> None:
    row = server.row(2)

    assert list(row) == HEADER.split("\t")
    assert (row["name"], row["jobgroup"], row["returncode"]) == ("other", "b", "4")
    created = server.get("/runs/2").json()["created_at"]
    assert row["time"] == created[:19].replace("T", " ")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\nc\rd", r"a\tb\nc\rd"),
        ("a\x0b\x0c\x1c\x1b[1m\x85b", r"a\x0b\x0c\x1c\x1b[1m\x85b"),
        ("a\u2028b\u2029", r"a\u2028b\u2029"),
        ("a\u00a0b\u3000c\u200dd", "a\u00a0b\u3000c\u200dd"),
        ("printf 'a\\nb'", r"printf 'a\nb'"),
    ],
)
def test_S27_nothing_in_a_value_breaks_the_line(
    server: JobSchedServer, text: str, shown: str
) -> None:
    job = server.submit(f": {text}", name="odd")
    try:
        answer = server.ask("jobinfo", jobid=job, fields="jobid,command,sync")
        assert answer == f"jobid\tcommand\tsync\n{job}\t: {shown}\t0\n"
        assert len(answer.splitlines()) == 2
    finally:
        server.ask("kill", jobid=job)


def test_S28_fields_picks_and_orders_the_columns(server: JobSchedServer) -> None:
    answer = server.ask("jobinfo", jobid=3, fields="outlog,jobid,status,errlog")

    assert answer == "outlog\tjobid\tstatus\terrlog\nno/where\t3\tfailed\t\n"
    answer = server.ask("jobinfo", fields="jobid,nope")
    assert answer.startswith("Error: there is no field 'nope'; there are jobid, name, jobgroup, ")


def test_unknown_parameters_are_told_instead_of_listing_everything(server: JobSchedServer) -> None:
    assert server.ask("jobinfo", jobids=1) == "Error: jobinfo has no parameter 'jobids'.\n"


def test_runs_of_other_tasks_are_shown_by_id_only(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        other = runs.start(server, "example", name="mine")
        runs.done(server, other)
        command = server.post("/submit", data={"command": "true"}).text.strip()

        listed = server.get("/jobinfo", params={"all": 1}).text.splitlines()
        by_id = server.get("/jobinfo", params={"jobid": f"{other},{command}"}).text.splitlines()

        assert [line.split("\t")[0] for line in listed[1:]] == [command]
        assert by_id[1].split("\t")[:4] == [str(other), "mine", "", "success"]
        assert by_id[1].split("\t")[-1] == "example"
        assert server.get("/runs", params={"task": "shell"}).json()["values"][0]["id"] == int(
            command
        )
        assert "shell" not in server.get("/catalog").json()["tasks"]
