"""``jobsched run``, ``submit`` and ``runs`` against a real server: numbers, waits, exit codes."""

import signal
from collections.abc import Iterator

import pytest

from jobsched import cli
from tests.support.client import Client, counting
from tests.support.receiver import Receiver
from tests.support.server import Server
from tests.support.waiting import until

KILLED = """
import os
import signal


class Killed:
    def __call__(self, info):
        os.kill(os.getpid(), signal.SIGKILL)
"""
RECORDING = """
class Recording:
    def __call__(self, info):
        if info.records:
            info.success(len(info.records))
            return
        for number in range(37):
            info.error("bad", number)
        info.success(963)
"""
TASKS = {"killed": KILLED, "recording": RECORDING}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = counting(tmp_path_factory.mktemp("server"))
    catalog = (made.folder / "conf" / "catalog.cfg").read_text()
    for name, code in TASKS.items():
        catalog += f"\n[{name}]\nfile={name}.py\nclass={name.title()}\n"
        (made.folder / "tasks" / f"{name}.py").write_text(code)
    made.configure("catalog.cfg", catalog)
    with made as running:
        yield running


@pytest.fixture
def client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(server.url, tmp_path_factory.mktemp("home"))


def endless(client: Client) -> str:
    """Start a run that does not end by itself, wait until it lives and return its number."""
    number = client.good("run", "count", "n=100", "pause=1").out.strip()
    shown = ["runs", "show", number, "--json"]
    until(lambda: client.good(*shown).json["state"] == "running", 20)
    return number


@pytest.mark.parametrize("code", [0, 1, 7, 124, 255])
def test_waiting_returns_the_exit_code_of_the_run(code: int, client: Client) -> None:
    said = client("run", "count", f"code={code}", "--wait")

    assert said.code == code
    assert said.out.strip().isdigit()
    assert f"Run {said.out.strip()} has ended" in said.err
    assert client("runs", "wait", said.out.strip()).code == code


def test_a_signal_is_told_as_shells_do(client: Client) -> None:
    assert client("run", "killed", "--wait").code == 128 + signal.SIGKILL


def test_json_is_the_run_as_the_server_says_it(server: Server, client: Client) -> None:
    begun = client.good("run", "count", "--json").json
    ended = client("run", "count", "--json", "--wait", "code=3")

    assert begun["task"] == "count"
    assert ended.code == 3
    assert ended.json == server.get(f"/runs/{ended.json['id']}").json()
    assert (ended.json["state"], ended.json["exit_code"]) == ("done", 3)


def test_following_prints_the_output_and_nothing_else_on_stdout(client: Client) -> None:
    said = client("run", "count", "word=line", "--follow", "code=5")

    assert said.out == "line 0\nline 1\nline 2\n"
    assert said.code == 5
    assert "exit code 5" in said.err


def test_waiting_in_vain_is_told_and_the_run_goes_on(client: Client) -> None:
    for words in (["--wait", "--at-most", "1s"], ["--follow", "--at-most", "1s"]):
        said = client("run", "count", "n=100", "pause=1", *words)

        assert said.code == cli.TIME_IS_UP
        assert "has not ended yet" in said.err
        newest = client.good("runs", "list", "--limit", "1", "--json").json[0]
        assert newest["state"] == "running"
        assert client("runs", "wait", str(newest["id"]), "--at-most", "0.5").code == cli.TIME_IS_UP
        client.good("runs", "stop", str(newest["id"]))


def test_a_stopped_run_tells_who_and_why(client: Client) -> None:
    number = endless(client)

    client.good("runs", "stop", number, "--reason", "wrong day")
    said = client("runs", "wait", number)

    assert said.code == 128 + signal.SIGTERM
    assert "wrong day" in said.err


def test_what_can_be_stopped_is_stopped_though_something_else_cannot(client: Client) -> None:
    number = endless(client)

    said = client("runs", "stop", "999999", number)

    assert said.code == cli.NOT_FOUND
    assert client("runs", "wait", number).code == 128 + signal.SIGTERM


def test_a_job_is_run_by_its_name_and_a_job_goes_before_a_task(client: Client) -> None:
    job = client.good("jobs", "create", "count", "--name", "killed", "--every", "1h").out.strip()

    by_name = client.good("run", "killed", "--wait", "--json").json
    by_noun = client.good("jobs", "run", job, "word=x", "--wait", "--json").json
    client.good("jobs", "delete", job)

    assert (by_name["job"], by_name["task"]) == (job, "count")
    assert by_noun["params"] == {"word": "x"}


def test_a_task_is_submitted_with_all_that_can_be_said(client: Client) -> None:
    words = ["--name", "later", "--at", "2h", "--queue", "q", "--priority", "5", "--timeout", "1m"]

    run = client.good("submit", "count", "n:=1", *words, "--json").json
    stopped = client("runs", "stop", str(run["id"]))

    assert (run["name"], run["queue"], run["priority"]) == ("later", "q", 5)
    assert run["params"] == {"n": 1}
    assert run["due_at"]
    assert stopped.code == 0


def test_a_shell_command_is_run_as_it_is_written(client: Client) -> None:
    one = client("submit", "--follow", "--", "echo 'a  b' | tr a-z A-Z; echo err >&2; exit 3")
    several = client(
        "submit", "--follow", "--name", "mine", "--", "printf", "%s|", "a  b", "c'd", "ä"
    )

    assert (one.code, sorted(one.out.splitlines())) == (3, ["A  B", "err"])
    assert (several.code, several.out) == (0, "a  b|c'd|ä|")
    newest = client.good("runs", "list", "--limit", "1", "--json").json[0]
    assert (newest["name"], newest["task"]) == ("mine", "shell")
    assert client("submit", "--wait", "--", "exit 4").code == 4
    assert client.good("submit", "--", "true").out.strip().isdigit()


def test_a_server_that_runs_no_shell_commands_is_told(client: Client) -> None:
    with Receiver(answers=[404]) as other:
        said = client("submit", "--url", f"http://{other.host}", "--", "true")

    assert said.code == cli.FAILED
    assert "no jobsched server" in said.err


def test_runs_are_listed_by_their_filters(client: Client) -> None:
    client("run", "count", "code=1", "--wait")

    failed = client.good("runs", "list", "--outcome", "failed", "--task", "count", "--json").json
    recent = client.good("runs", "list", "--since", "10m", "--limit", "2", "--json").json
    long_ago = client.good("runs", "list", "--until", "10m", "--json").json

    assert failed
    assert {(run["outcome"], run["task"]) for run in failed} == {("failed", "count")}
    assert len(recent) == 2
    assert long_ago == []
    assert client("runs", "list", "--outcome", "wonderful").code == cli.USAGE


def test_the_table_of_runs_has_a_line_for_each(client: Client) -> None:
    number = client("run", "count", "code=9", "--wait").out.strip()

    head, newest = client.good("runs", "list", "--limit", "1").out.splitlines()

    assert head.split()[:6] == ["ID", "NAME", "TASK", "STATE", "EXIT", "ERRORS"]
    assert newest.split()[:6] == [number, "count", "count", "failed", "9", "1"]


def test_runs_are_retried_one_some_or_all_that_failed(client: Client) -> None:
    words = ["--name", "r", "--mode", "triggered", "--overlap", "queue"]
    job = client.good("jobs", "create", "count", "code=2", *words)
    numbers = [client("run", "r", "--wait").out.strip() for _ in range(5)]
    filters = ["--job", "r", "--outcome", "failed"]

    dry = client.good("runs", "retry", *filters, "--dry-run", "--json").json
    dry_words = client.good("runs", "retry", *filters, "--dry-run")
    one = client("runs", "retry", numbers[0], "--wait", "--json")
    two = client.good("runs", "retry", *numbers[1:3]).out.split()
    again = client("runs", "retry", numbers[0])
    for number in two:
        client("runs", "wait", number)
    some = client.good("runs", "retry", *filters, "--limit", "2")
    many = client.good("runs", "retry", *filters).out.split()

    assert (dry["matched"], dry["retried"]) == (5, 0)
    assert (one.code, one.json["retry_of"]) == (2, int(numbers[0]))
    assert len(two) == 2
    assert again.code == cli.CONFLICT
    assert "left" not in dry_words.err
    assert len(some.out.split()) == 2
    assert "3 are left" in some.err
    assert many
    client.good("jobs", "delete", job.out.strip(), "--stop")


def test_what_may_not_be_retried_is_told_one_by_one(client: Client) -> None:
    job = client.good("jobs", "create", "count", "code=2", "--name", "s", "--mode", "triggered")
    number = client("run", "s", "--wait").out.strip()
    living = client.good("run", "s", "n=1000", "pause=1").out.strip()

    said = client("runs", "retry", "--job", "s", "--outcome", "failed")

    assert said.code == cli.CONFLICT
    assert f"jobsched: run {number}: " in said.err
    assert said.out == ""
    client.good("runs", "stop", living)
    client.good("jobs", "delete", job.out.strip(), "--stop")


def test_records_that_failed_are_listed_and_retried(client: Client) -> None:
    first = client.good("run", "recording", "--wait", "--json").json
    open_ones = client.good("runs", "records", str(first["id"]), "--state", "open", "--json").json
    table = client.good("runs", "records", str(first["id"])).out.splitlines()

    again = client.good("runs", "retry", str(first["id"]), "--wait", "--json").json
    counts = client.good("runs", "show", str(first["id"]), "--json").json["counts"]

    assert first["counts"] == {"success": 963, "error": 37, "ignore": 0}
    assert [record["data"] for record in open_ones] == list(range(37))
    assert table[0].split()[:2] == ["RETRY_ID", "STATE"]
    assert len(table) == 38
    assert again["retry_of"] == first["id"]
    assert counts == {"success": 1000, "error": 0, "ignore": 0}


@pytest.mark.parametrize(
    ("words", "out"),
    [
        ([], "number 0\nnumber 1\nnumber 2\n"),
        (["--tail", "1"], "number 2\n"),
        (["--tail", "1", "--follow"], "number 2\n"),
        (["--stream", "err"], ""),
        (["--stream", "out", "--follow"], "number 0\nnumber 1\nnumber 2\n"),
    ],
    ids=str,
)
def test_logs_of_a_run_that_is_over(words: list[str], out: str, client: Client) -> None:
    number = client.good("run", "count", "--wait").out.strip()

    assert client.good("runs", "logs", number, *words).out == out
