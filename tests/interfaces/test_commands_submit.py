"""Seed 001: submitting commands, waiting for their output, files for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import JobSchedServer, exists, waiting_client
from tests.support.waiting import until

PARTS = ("submit", "jobinfo", "kill", "wait", "shutdown", "help")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobSchedServer]:
    with JobSchedServer(tmp_path_factory.mktemp("commands")) as running:
        yield running


def test_S7_get_and_post_are_the_same(server: JobSchedServer) -> None:
    job = server.submit("true", name="both")
    server.over(job)

    for command, parameters in [
        ("help", {"topic": "submit"}),
        ("jobinfo", {"jobid": str(job)}),
        ("kill", {"jobid": str(job)}),
        ("wait", {"jobid": str(job)}),
    ]:
        by_get = server.get(f"/{command}", params=parameters)
        by_post = server.post(f"/{command}", data=parameters)
        assert by_get.status_code == by_post.status_code == 200
        assert by_get.content == by_post.content
    assert server.get("/submit", params={"command": "echo a"}).text.endswith("\na\n")


def test_S8_help_names_all_commands(server: JobSchedServer) -> None:
    [line] = server.ask("help").splitlines()

    assert line.startswith("Available commands:")
    assert all(part in line for part in PARTS)


def test_S9_help_lists_the_options_of_a_command(server: JobSchedServer) -> None:
    title, heading, *lines = server.ask("help", topic="submit").splitlines()

    assert title.startswith("submit - ")
    assert heading == "Parameters:"
    options = {line.split(":")[0].strip(): line for line in lines}
    assert list(options) == ["command", "name", "group", "sync", "outlog", "errlog"]
    assert options["command"].endswith("Required.")
    assert options["name"].endswith("(default is job)")
    assert options["group"].endswith("(default is default)")
    assert options["sync"].endswith("(default is 1)")
    for part in PARTS:
        assert server.ask("help", topic=part).startswith(f"{part} - ")


@pytest.mark.parametrize("topic", ["nope", "a\nb", "x" * 5000])
def test_S10_there_is_no_help_on_other_topics(server: JobSchedServer, topic: str) -> None:
    first, second = server.ask("help", topic=topic).splitlines()

    assert first.startswith("Error: there is no help on ")
    assert second.startswith("Available commands:")


def test_S11_without_waiting_the_id_comes_at_once(server: JobSchedServer) -> None:
    answer = server.ask("submit", name="sleep", command="sleep 10", sync=0)

    job = int(answer)
    assert answer == f"{job}\n"
    assert server.reaches(job, "running")["name"] == "sleep"
    server.ask("kill", jobid=job)


@pytest.mark.parametrize("parameters", [{}, {"command": ""}, {"command": "  "}])
def test_S12_a_command_is_needed(server: JobSchedServer, parameters: dict[str, str]) -> None:
    before = len(server.rows())

    answer = server.ask("submit", **parameters)

    assert answer.startswith("Error: command ")
    assert len(server.rows()) == before


def test_S13_name_and_group_have_defaults(server: JobSchedServer) -> None:
    row = server.over(server.submit("true"))

    assert (row["name"], row["jobgroup"]) == ("job", "default")


def test_S14_output_is_streamed_as_it_is_written(server: JobSchedServer) -> None:
    steps = [server.work / name for name in ("one", "two")]
    first, second = (f"until [ -e {step} ]; do sleep 0.02; done" for step in steps)
    command = f"printf x; {first}; printf '\\0\\377' >&2; {second}; echo end"

    with waiting_client(server, command) as client:
        job = client.job()
        assert client.receive(1) == b"x"  # a single byte, while it runs
        assert server.row(job)["status"] == "running"
        steps[0].touch()
        assert client.receive(2) == b"\0\xff"
        assert server.row(job)["status"] == "running"
        steps[1].touch()
        assert client.rest() == b"end\n"
    assert server.row(job)["status"] == "success"


@pytest.mark.parametrize("pause", ["", "sleep 0.4;"])
def test_S14_both_streams_come_in_their_order(server: JobSchedServer, pause: str) -> None:
    command = f"{pause} for i in $(seq 50); do echo o$i; echo e$i >&2; done"

    answer = server.ask("submit", command=command)

    lines = answer.splitlines()[1:]
    assert sorted(lines) == sorted([f"{which}{i}" for which in "oe" for i in range(1, 51)])
    assert [line for line in lines if line[0] == "o"] == [f"o{i}" for i in range(1, 51)]
    assert [line for line in lines if line[0] == "e"] == [f"e{i}" for i in range(1, 51)]


def test_S14_much_output_is_whole(server: JobSchedServer) -> None:
    source = server.work / "random"
    source.write_bytes(bytes(range(256)) * 40_000)  # 10 MB

    with waiting_client(server, "sleep 0.3; cat random; cat random >&2") as client:
        client.job()
        answer = client.rest()

    assert len(answer) == 2 * source.stat().st_size
    assert answer == source.read_bytes() * 2


@pytest.mark.parametrize("value", ["2", "yes", "-1", "1.0", "\u0661", "0" * 5000])
def test_S17_sync_is_0_or_1(server: JobSchedServer, value: str) -> None:
    before = len(server.rows())

    assert server.ask("submit", command="true", sync=value).startswith("Error: sync must be 0 or 1")
    assert len(server.rows()) == before


def test_S18_without_sync_the_client_waits(server: JobSchedServer) -> None:
    answer = server.ask("submit", command="sleep 0.3; echo done")

    assert answer.splitlines()[1:] == ["done"]


def test_S19_output_goes_to_files(server: JobSchedServer) -> None:
    command = "printf 'o\\0o'; printf 'e\\377e' >&2"

    answer = server.ask("submit", command=command, outlog="F1", errlog=str(server.folder / "F2"))

    assert answer.strip().isdigit()
    assert (server.work / "F1").read_bytes() == b"o\0o"
    assert (server.folder / "F2").read_bytes() == b"e\xffe"


@pytest.mark.parametrize(("log", "rest"), [("outlog", "err"), ("errlog", "out")])
def test_S19_the_other_stream_goes_to_the_body(server: JobSchedServer, log: str, rest: str) -> None:
    answer = server.ask("submit", command="echo out; echo err >&2", **{log: f"only-{log}"})

    assert answer.splitlines()[1:] == [rest]
    assert (server.work / f"only-{log}").read_text().strip() != rest


def test_S19_files_are_written_while_it_runs(server: JobSchedServer) -> None:
    log, step = server.work / "live", server.work / "go-on"
    command = f"printf x; until [ -e {step} ]; do sleep 0.02; done; printf y"

    job = server.submit(command, outlog="live")

    until(lambda: exists(log))
    assert log.read_bytes() == b"x"
    step.touch()
    server.over(job)
    assert log.read_bytes() == b"xy"


def test_S20_a_log_in_a_missing_directory_fails_the_job(server: JobSchedServer) -> None:
    row = server.over(server.submit("touch ran", outlog="missing/log"))

    assert row["status"] == "failed"
    assert row["msg"] == "outlog missing/log cannot be opened: No such file or directory"
    assert row["returncode"] == "-1"
    assert not (server.work / "ran").exists()


def test_S20_who_waits_is_told_why_a_job_was_not_started(server: JobSchedServer) -> None:
    job, told = server.ask("submit", command="echo x", outlog="missing/log").splitlines()

    assert told == "Error: outlog missing/log cannot be opened: No such file or directory"
    assert server.row(int(job))["status"] == "failed"


@pytest.mark.parametrize("place", ["jobs.sqlite.data/x", "jobs.sqlite.data/runs/1", "link/x"])
def test_S20_a_log_in_the_data_folder_is_refused(server: JobSchedServer, place: str) -> None:
    link = server.folder / "link"
    if not link.is_symlink():
        link.symlink_to(server.data)
    before = len(server.rows())

    answer = server.ask("submit", command="true", errlog=str(server.folder / place))

    assert answer == "Error: errlog cannot be this file: it lies in the server's data folder.\n"
    assert len(server.rows()) == before
    assert not (server.data / "x").exists()


@pytest.mark.parametrize("ending", ["", "-wal", "-shm", "-journal", ".chores", ".scheduler"])
@pytest.mark.parametrize("link", [False, True])
def test_S20_a_log_in_place_of_the_database_is_refused(
    server: JobSchedServer, ending: str, link: bool
) -> None:
    path = server.database.with_name(server.database.name + ending)
    if link:
        path, name = server.folder / f"to-database{ending}", path
        path.symlink_to(name)

    answer = server.ask("submit", command="true", outlog=str(path))

    assert answer == "Error: outlog cannot be this file: it belongs to the server's database.\n"


@pytest.mark.parametrize("name", ["jobs.sqlite", "jobs.sqlite.data/conf/jobsched.cfg"])
def test_S20_a_log_that_is_another_name_of_ours_is_refused(
    server: JobSchedServer, name: str
) -> None:
    link = server.work / f"second-{Path(name).name}"
    content = (server.folder / name).read_bytes()
    link.hardlink_to(server.folder / name)

    answer = server.ask("submit", command="echo spoilt", outlog=link.name)

    assert answer.startswith("Error: outlog cannot be this file: it ")
    assert (server.folder / name).read_bytes()[:100] == content[:100]
    link.unlink()


def test_S20_the_log_of_the_server_is_no_log_of_a_command(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with JobSchedServer(tmp_path, flags=["--logfile", str(log)]) as server:
        answer = server.ask("submit", command="echo spoilt", errlog=str(log))

    assert answer == "Error: errlog cannot be this file: it is the server's log.\n"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("echo one | tr a-z A-Z; echo two && echo three", "ONE\ntwo\nthree\n"),
        ("echo $((1+1)) 'a  b' \"$((2*3))\"", "2 a  b 6\n"),
        ("echo 1&2>/dev/null; wait; echo 'a&b;c+d %41 =#'", "1\na&b;c+d %41 =#\n"),
        ("echo gr\u00fc\u00dfe \U0001f600", "gr\u00fc\u00dfe \U0001f600\n"),
        ("echo a\necho b\n\techo c", "a\nb\nc\n"),
        ("cat <<X\nhere\nX", "here\n"),
        ("-x() { echo dashed; }; -x", "dashed\n"),
        ("shopt -q login_shell || echo ${BASH_VERSION:+bash}", "bash\n"),
    ],
)
def test_S21_a_command_is_a_bash_string(
    server: JobSchedServer, command: str, expected: str
) -> None:
    answer = server.ask("submit", command=command)

    number, _, output = answer.partition("\n")
    assert output == expected
    shown = server.rows(jobid=number, fields="command")[0]["command"]
    assert shown == command.replace("\n", "\\n").replace("\t", "\\t")
    assert server.get(f"/runs/{number}").json()["params"]["command"] == command


def test_S21_a_command_may_be_as_long_as_the_system_allows(server: JobSchedServer) -> None:
    longest = ": ".ljust(131_071 - len("; echo ok"), "x") + "; echo ok"

    assert server.ask("submit", command=longest).endswith("\nok\n")
    answer = server.ask("submit", command=longest + " ")
    assert answer == "Error: command has 131072 bytes; the system passes on 131071 at most.\n"


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"command=echo a && echo b", "submit has no parameter ' echo b'"),
        (b"command=echo%FFa", "parameters must be UTF-8"),
        (b"command=a\xff", "parameters must be UTF-8"),
        (b"command=a%00b", "command must not contain a NUL character."),
        (b"command=a&command=b", "command is given twice."),
        (b"command=a&name=%0a", "name must not contain control characters."),
        (b"command=a&group=" + b"x" * 201, "group must have 1 to 200 characters."),
        (b"command=a&outlog=%00", "outlog must not contain a NUL character."),
        (b"command=a&outlog=" + b"x" * 5000, "outlog may have 4095 bytes at most."),
        (b"&x" * 200, "there are more than 50 parameters"),
        (b"command=a&comand=b", "submit has no parameter 'comand'."),
    ],
)
def test_S12_what_is_wrong_is_told_and_nothing_runs(
    server: JobSchedServer, body: bytes, complaint: str
) -> None:
    before = len(server.rows())
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = server.post("/submit", data=body, headers=form)

    assert answer.status_code == 200
    assert any(line.startswith(f"Error: {complaint}") for line in answer.text.splitlines())
    assert len(server.rows()) == before


def test_S12_json_is_no_form(server: JobSchedServer) -> None:
    answer = server.post("/submit", json={"command": "true"})

    assert answer.text.startswith("Error: parameters are sent as a form")


def test_S21_spaces_and_semicolons_need_no_encoding(server: JobSchedServer) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = "command=echo gr\u00fc\u00dfe; echo b".encode()

    assert server.post("/submit", data=body, headers=form).text.endswith("\ngr\u00fc\u00dfe\nb\n")


def test_S29_success_means_that_bash_ran(server: JobSchedServer) -> None:
    row = server.over(server.submit("exit 3"))

    assert (row["status"], row["returncode"]) == ("success", "3")


def test_S30_a_command_that_is_not_there_is_127(server: JobSchedServer) -> None:
    answer = server.ask("submit", command="no-such-command-here")

    row = server.row(int(answer.split()[0]))
    assert (row["status"], row["returncode"]) == ("success", "127")
    assert "command not found" in answer


def test_S30_a_bash_that_ends_by_a_signal_is_a_success_too(server: JobSchedServer) -> None:
    row = server.over(server.submit("kill -TERM $$"))

    assert (row["status"], row["returncode"]) == ("success", "-15")


def test_the_command_is_not_in_its_own_environment(server: JobSchedServer) -> None:
    answer = server.ask("submit", command="env | grep -c secret-word; echo $JOBSCHED_PARAMS")

    assert answer.splitlines()[1:] == ["0", "{}"]


@pytest.mark.parametrize("command", PARTS)
def test_head_requests_do_nothing(server: JobSchedServer, command: str) -> None:
    before = len(server.rows())

    answer = server.request("HEAD", f"/{command}", params={"command": "true"})

    assert answer.status_code == 405
    assert len(server.rows()) == before


@pytest.mark.parametrize("command", ["submit", "kill", "shutdown", "wait"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example"},
    ],
    ids=["origin", "cross-site", "same-site", "host"],
)
def test_pages_of_other_sites_can_send_no_command(
    server: JobSchedServer, command: str, headers: dict[str, str]
) -> None:
    before = len(server.rows())
    parameters = {"command": "touch hacked", "jobid": "1"}

    answer = server.get(f"/{command}", params=parameters, headers=headers)

    assert answer.status_code == (400 if "Host" in headers else 403)
    assert answer.text.startswith("Error: ")
    assert len(server.rows()) == before
