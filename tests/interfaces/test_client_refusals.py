"""What every command says, and returns, when something is not as it should be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsched import cli
from tests.support.client import LOCAL, Client, counting, leaves
from tests.support.server import Server, free_port

# Each command with arguments that are in order; and whether they name something that is not there.
KNOWN = {
    ("jobs", "list"): [],
    ("runs", "list"): [],
    ("services", "list"): [],
    ("upload",): ["hello.sh"],
    ("upcoming",): [],
    ("status",): [],
    ("token", "list"): [],
    ("token", "create"): ["--role", "viewer", "--name", "other"],
}
UNKNOWN = {
    ("catalog",): ["nothing"],
    ("jobs", "show"): ["nothing"],
    ("jobs", "occurrences"): ["nothing"],
    ("jobs", "create"): ["nothing", "--every", "1h"],
    ("jobs", "change"): ["nothing", "--every", "1h"],
    ("jobs", "delete"): ["nothing"],
    ("jobs", "run"): ["nothing"],
    ("jobs", "pause"): ["nothing"],
    ("jobs", "resume"): ["nothing"],
    ("runs", "show"): ["999"],
    ("runs", "logs"): ["999"],
    ("runs", "records"): ["999"],
    ("runs", "wait"): ["999"],
    ("runs", "stop"): ["999"],
    ("runs", "retry"): ["999"],
    ("run",): ["nothing"],
    ("submit",): ["nothing"],
    ("services", "start"): ["nothing"],
    ("services", "stop"): ["nothing"],
    ("services", "restart"): ["nothing"],
    ("token", "revoke"): ["999"],
}
NOTHING = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with counting(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def admin(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Client:
    body = {"name": "admin", "role": "admin"}
    token = server.post("/tokens", json=body).json()["token"]
    made = Client(server.url, tmp_path_factory.mktemp("admin"), JOBSCHED_TOKEN=token)
    (made.folder / "hello.sh").write_text("echo hello\n")
    return made


def words_of(command: tuple[str, ...], client: Client) -> list[str]:
    arguments = {**KNOWN, **UNKNOWN}[command]
    url = ["--url", client.environ["JOBSCHED_URL"]] if command[0] == "token" else []
    return [*command, *arguments, *url]


def test_every_command_that_asks_a_server_is_tried_here() -> None:
    asking = {way for way in leaves() if way[0] not in LOCAL}

    assert asking == {*KNOWN, *UNKNOWN}


@pytest.mark.parametrize("command", [*KNOWN, *UNKNOWN], ids=" ".join)
def test_a_server_that_is_away_is_named(command: tuple[str, ...], tmp_path: Path) -> None:
    client = Client(f"http://127.0.0.1:{free_port()}", tmp_path)
    (tmp_path / "hello.sh").write_text("echo hello\n")

    said = client(*words_of(command, client))

    assert said.code == cli.UNREACHABLE
    assert said.err.startswith(f"jobsched: The server at {client.environ['JOBSCHED_URL']} cannot")
    assert (said.out, said.err.count("\n")) == ("", 1)


@pytest.mark.parametrize("command", [*KNOWN, *UNKNOWN], ids=" ".join)
def test_a_wrong_token_is_refused(command: tuple[str, ...], admin: Client) -> None:
    said = admin(*words_of(command, admin), JOBSCHED_TOKEN="wrong")

    assert said.code == cli.NOT_ALLOWED
    assert said.err.startswith("jobsched: ")
    assert "JOBSCHED_TOKEN" in said.err
    assert said.out == ""


@pytest.mark.parametrize("command", UNKNOWN, ids=" ".join)
def test_what_is_not_there_is_named(command: tuple[str, ...], admin: Client) -> None:
    said = admin(*words_of(command, admin))

    assert said.code == cli.NOT_FOUND
    assert said.err.startswith("jobsched: There is n")
    assert UNKNOWN[command][0] in said.err
    assert said.out == ""


@pytest.mark.parametrize("verb", ["show", "delete", "run", "pause", "occurrences"])
def test_a_uuid_of_no_job_is_named(verb: str, admin: Client) -> None:
    said = admin("jobs", verb, NOTHING)

    assert said.code == cli.NOT_FOUND
    assert NOTHING in said.err


def test_a_role_that_may_not_do_it_is_refused(server: Server, admin: Client) -> None:
    viewer = admin.good(
        "token", "create", "--role", "viewer", "--name", "v", "--url", server.url
    ).out.strip()

    said = admin("run", "count", JOBSCHED_TOKEN=viewer)
    shell = admin("submit", "--", "true", JOBSCHED_TOKEN=viewer)
    listed = admin("runs", "list", JOBSCHED_TOKEN=viewer)

    assert (said.code, shell.code) == (cli.NOT_ALLOWED, cli.NOT_ALLOWED)
    assert listed.code == 0


def test_every_wrong_field_is_named(admin: Client) -> None:
    said = admin("jobs", "create", "count", "--every", "1h", "--set", "colour=red", "nobody=1")

    assert said.code == cli.USAGE
    lines = said.err.splitlines()
    assert lines[0] == "jobsched: Invalid input"
    assert {line.split(":")[0].strip() for line in lines[1:]} == {"colour", "params.nobody"}


def test_a_state_that_is_against_it_is_a_conflict(admin: Client) -> None:
    run = admin.good("run", "count", "--wait").out.strip()

    said = admin("runs", "stop", run)

    assert said.code == cli.CONFLICT
    assert "has finished" in said.err


@pytest.mark.parametrize(
    "words",
    [
        ["jobs"],
        ["runs", "show", "one"],
        ["runs", "show", "-1"],
        ["runs", "list", "--limit", "0"],
        ["runs", "list", "--since", "yesterday"],
        ["runs", "retry"],
        ["runs", "retry", "1", "--outcome", "failed"],
        ["runs", "retry", "1", "2", "--wait"],
        ["jobs", "pause"],
        ["jobs", "pause", "x", "--all"],
        ["jobs", "change", "x"],
        ["jobs", "create", "count", "--every", "often"],
        ["jobs", "create", "count", "--file", "absent.json"],
        ["jobs", "create", "count", "--set", "history"],
        ["jobs", "create", "count", "--file", "hello.sh"],
        ["upload", "hello.sh", "--name", "a/b"],
        ["token", "list", "--json"],
        ["submit", "n=1", "--", "true"],
        ["submit"],
        ["submit", "--"],
        ["submit", "count", "--", "ls"],
        ["submit", "--queue", "q", "--", "ls"],
        ["run", "count", "n"],
        ["run", "count", "n:=x"],
        ["run", "count", "--follow", "--json"],
        ["upload", "absent"],
        ["completion", "tcsh"],
        ["jobs", "list", "--stat", "paused"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told_before_anything_is_done(words: list[str], admin: Client) -> None:
    before = admin.good("runs", "list", "--json").json

    said = admin(*words)

    assert said.code == cli.USAGE
    assert said.err.strip()
    assert "Traceback" not in said.err
    assert admin.good("runs", "list", "--json").json == before


def test_an_option_before_its_command_is_told_where_it_belongs(admin: Client) -> None:
    said = admin("--url", "http://127.0.0.1:1", "status")

    assert said.code == cli.USAGE
    assert "options stand behind their command: jobsched status OPTIONS" in said.err


def test_a_shell_command_that_is_refused_is_told_like_everything_else(admin: Client) -> None:
    said = admin("submit", "--", "true", JOBSCHED_TOKEN="wrong")

    assert said.code == cli.NOT_ALLOWED
    assert said.err.splitlines()[0] == "jobsched: The token is unknown or has expired."


def test_an_option_that_is_not_known_leads_to_the_help(admin: Client) -> None:
    said = admin("jobs", "list", "--stat", "paused")

    assert "jobs list does not know --stat paused; see jobsched jobs list --help" in said.err
