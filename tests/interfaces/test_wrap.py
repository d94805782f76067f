"""``jobsched wrap``: the command runs as it would alone, and the server has it as a run."""

import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from jobsched.execution.wrap.relay import CAP
from tests.support.server import Server
from tests.support.waiting import until
from tests.support.wrapping import Wrapper


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with Server(folder, cfg="WRAP_HEARTBEAT = 0.3") as running:
        yield running


@pytest.fixture
def wrap(server: Server, tmp_path: Path) -> Iterator[Wrapper]:
    with Wrapper(server, tmp_path) as wrapper:
        yield wrapper


@pytest.mark.parametrize("code", [0, 1, 2, 77, 255])
def test_the_exit_code_is_that_of_the_command(wrap: Wrapper, code: int) -> None:
    said = wrap("sh", "-c", f"exit {code}")

    run = wrap.run()
    assert (said.code, said.out, said.err) == (code, "", "")
    assert (run["state"], run["exit_code"], run["signal"]) == ("done", code, None)
    assert run["outcome"] == ("failed" if code else "succeeded")
    assert wrap.spooled == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_signal_that_ends_the_command_is_told_as_shells_do(
    wrap: Wrapper, number: signal.Signals
) -> None:
    said = wrap("sh", "-c", f"ulimit -c 0; kill -{number} $$")

    run = wrap.run()
    assert said.code == 128 + number
    assert (run["exit_code"], run["signal"], run["outcome"]) == (None, number, "failed")


def test_a_command_that_cannot_be_started_is_told_as_shells_do(
    wrap: Wrapper, tmp_path: Path
) -> None:
    (tmp_path / "data").write_text("echo never\n")

    missing, refused = wrap("no-such-command"), wrap("./data")

    assert (missing.code, refused.code) == (127, 126)
    assert missing.err == "jobsched wrap: no-such-command: No such file or directory\n"
    assert [run["exit_code"] for run in wrap.runs()] == [127, 126]
    assert "Permission denied" in wrap.runs()[1]["reason"]


def test_a_script_without_interpreter_runs_as_in_a_shell(wrap: Wrapper, tmp_path: Path) -> None:
    (tmp_path / "script").write_text('echo "$0" "$1"\n')
    (tmp_path / "script").chmod(0o700)

    assert wrap("./script", "a b").out == "./script a b\n"


def test_stdin_and_binary_output_pass_through_untouched(wrap: Wrapper, tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    (tmp_path / "in").write_bytes(data)

    with (tmp_path / "in").open("rb") as source:
        done = wrap.begin("cat", stdin=source)
        out, err = done.communicate(timeout=60)

    sizes, kept = wrap.run()["output"]["out"], wrap.output("out")
    assert (done.returncode, out == data, err) == (0, True, b"")
    assert (sizes["bytes"], sizes["kept"], len(kept)) == (len(data), CAP, CAP)
    head, mark, tail = kept.partition(b"\n[jobsched: 2934528 bytes were cut here]")
    assert data.startswith(head)
    assert mark
    assert data.endswith(tail.lstrip(b" ")[1:])


def test_stdout_and_stderr_stay_apart_and_short_ones_are_kept_whole(wrap: Wrapper) -> None:
    said = wrap("sh", "-c", "echo to out; echo to err >&2")

    assert (said.out, said.err) == ("to out\n", "to err\n")
    assert (wrap.output("out"), wrap.output("err")) == (b"to out\n", b"to err\n")


def test_what_goes_to_one_place_keeps_its_order(wrap: Wrapper, tmp_path: Path) -> None:
    script = "for n in 1 2 3 4 5 6 7 8 9; do echo $n; echo -$n >&2; done"

    with (tmp_path / "log").open("wb") as log:
        assert wrap.begin("sh", "-c", script, stdout=log, stderr=log).wait(60) == 0

    expected = "".join(f"{n}\n-{n}\n" for n in range(1, 10)).encode()
    assert (tmp_path / "log").read_bytes() == wrap.output() == expected


def test_without_output_the_command_has_our_own_streams(wrap: Wrapper, tmp_path: Path) -> None:
    show = ("readlink", "/proc/self/fd/1")

    with (tmp_path / "own").open("wb") as own:
        wrap.begin(*show, options=("--no-output",), stdout=own).wait(60)

    assert (tmp_path / "own").read_text() == f"{tmp_path / 'own'}\n"
    assert wrap.run()["output"]["out"]["bytes"] == 0


def test_the_command_has_environment_descriptors_and_folder_of_its_caller(wrap: Wrapper) -> None:
    environ = {name: text for name, text in wrap.client.environ.items() if name != "LANG"}
    reader, writer = os.pipe()
    os.write(writer, b"through nine\n")
    os.close(writer)
    script = f"pwd; env | sort; cat /proc/self/fd/{reader}; ls /proc/self/fd | wc -l"

    def said(command: list[str]) -> list[bytes]:
        done = subprocess.run(
            command, cwd=wrap.client.folder, env=environ, pass_fds=[reader], capture_output=True,
            timeout=60, check=True,
        )  # fmt: skip
        return [line for line in done.stdout.splitlines() if not line.startswith(b"_=")]

    wrapped = said(wrap.command("sh", "-c", script))
    alone = said(["sh", "-c", script])
    os.close(reader)
    assert b"through nine" in wrapped
    assert [line for line in wrapped if line != b"through nine"] == alone


def test_a_reader_that_goes_away_ends_the_command_as_usual(wrap: Wrapper) -> None:
    process = wrap.begin("yes")
    assert process.stdout is not None
    process.stdout.read(10)
    process.stdout.close()

    assert process.wait(60) == 128 + signal.SIGPIPE
    assert wrap.run()["signal"] == signal.SIGPIPE


def test_what_stays_in_the_background_may_go_on_writing(wrap: Wrapper, tmp_path: Path) -> None:
    script = f"(until [ -e {tmp_path}/go ]; do sleep 0.05; done; echo later) & echo now"
    process = wrap.begin("sh", "-c", script)

    assert process.wait(60) == 0
    assert wrap.run()["state"] == "done"
    (tmp_path / "go").touch()
    assert process.communicate(timeout=60)[0] == b"now\nlater\n"
    assert wrap.output() == b"now\n"


@pytest.mark.parametrize("name", ["TERM", "HUP", "INT", "USR1"])
def test_signals_are_passed_on(wrap: Wrapper, name: str) -> None:
    script = f"trap 'echo {name}; exit 3' {name}; echo ready; while :; do sleep 0.05; done"
    process = wrap.begin("sh", "-c", script)
    assert process.stdout is not None
    assert process.stdout.read(6) == b"ready\n"

    process.send_signal(getattr(signal, f"SIG{name}"))

    assert process.wait(60) == 3
    assert process.stdout.read() == f"{name}\n".encode()
    assert wrap.run()["exit_code"] == 3


def test_ctrl_c_reaches_the_command_once_and_a_terminal_stays_one(wrap: Wrapper) -> None:
    script = "trap 'echo caught; n=1' INT; test -t 1 && echo terminal; echo ready; "
    script += "while [ -z $n ]; do sleep 0.05; done; sleep 0.3; exit 5"
    pid, terminal = pty.fork()
    if pid == 0:
        command = wrap.command("sh", "-c", script)
        os.chdir(wrap.client.folder)
        os.execve(command[0], command, wrap.client.environ)  # noqa: S606
    seen = b""
    while b"ready" not in seen:
        seen += os.read(terminal, 1000)

    os.write(terminal, b"\x03")
    with suppress(OSError):  # the end of a terminal
        while block := os.read(terminal, 1000):
            seen += block

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
    assert (seen.count(b"caught"), seen.count(b"terminal")) == (1, 1)
    assert wrap.run()["exit_code"] == 5
    os.close(terminal)


def test_a_timeout_ends_the_command(wrap: Wrapper) -> None:
    said = wrap("sleep", "100", options=("--timeout", "0.5s"))

    run = wrap.run()
    assert said.code == 128 + signal.SIGTERM
    assert (run["outcome"], run["ended_by"], run["signal"]) == ("timed_out", "timeout", 15)


def test_wrong_usage_is_told_before_anything_runs(wrap: Wrapper) -> None:
    assert wrap.client("wrap", "--name", "n").code == 2
    assert wrap.client("wrap", "--", "echo", "x").out == ""
    assert wrap.client("wrap", "--nmae", "n", "--", "echo", "x").code == 2
    assert wrap.client("wrap", "--flush", "--", "echo", "x").code == 2


def test_a_wrapped_run_is_a_run_of_its_job_like_any_other(wrap: Wrapper, server: Server) -> None:
    wrap("echo", "a b")
    wrap("false")

    first, second = wrap.runs()
    job = server.get(f"/jobs/{first['job']}").json()
    assert (job["name"], job["task"], job["mode"]) == (wrap.name, "wrapped", "triggered")
    assert [run["id"] for run in server.runs(f"/jobs/{job['id']}")] == [second["id"], first["id"]]
    assert first["params"] == {"command": "echo 'a b'"}
    assert first["created_at"] >= first["started_at"]
    assert (first["queued_for"], first["attempt"]) == (0.0, 1)
    assert (second["counts"]["error"], second["retriable"]) == (1, False)
    listed = wrap.client.good("runs", "list", "--task", "wrapped", "--job", wrap.name)
    assert len(listed.out.splitlines()) == 3


def test_a_job_is_named_by_uuid_or_name_and_must_be_one_of_these(
    wrap: Wrapper, server: Server
) -> None:
    wrap("true")
    job = wrap.run()["job"]
    other = server.schedule("example", seconds=3600).rpartition("/")[2]

    assert wrap("true", options=("--job", job)).err == ""
    assert wrap("true", options=("--job", wrap.name)).err == ""
    assert "There is no job nobody" in wrap("true", options=("--job", "nobody")).err
    refused = wrap("sh", "-c", "exit 9", options=("--job", other))

    assert (refused.code, "takes no reports" in refused.err) == (9, True)
    assert [run["job"] for run in wrap.runs()] == [job] * 3


def test_nothing_here_starts_or_repeats_such_a_job(wrap: Wrapper, server: Server) -> None:
    wrap("false")
    run = wrap.run()
    job = f"/jobs/{run['job']}"

    now = server.post(f"{job}/run")
    again = server.post(f"/runs/{run['id']}/retry")
    many = server.post("/runs/retry", json={"task": "wrapped"}).json()
    timed = server.put(job, json={"interval": {"hours": 1}})
    made = server.post("/jobs", json={"task": "wrapped", "name": "n", "mode": "triggered"})
    changed = server.put(job, json={"retries": {"max": 3}})

    assert (now.status_code, "wrap runs elsewhere" in now.json()["detail"]) == (409, True)
    assert (again.status_code, "jobsched wrap" in again.json()["detail"]) == (409, True)
    assert many["retried"] == 0
    assert (timed.status_code, made.status_code, changed.status_code) == (400, 404, 200)
    wrap("false")
    assert [run["retried_by"] for run in wrap.runs()] == [None, None]


def test_a_stop_is_passed_on_to_the_command(wrap: Wrapper, server: Server) -> None:
    process = wrap.begin("sh", "-c", "trap 'echo asked; exit 4' TERM; while :; do sleep 0.05; done")
    run = wrap.running()

    stopped = server.post(f"/runs/{run['id']}/stop", json={"reason": "enough"})

    assert stopped.status_code == 202
    assert process.communicate(timeout=60)[0] == b"asked\n"
    assert process.returncode == 4
    told = wrap.run()
    assert (told["outcome"], told["ended_by"], told["exit_code"]) == ("stopped", "stop", 4)
    assert told["reason"].endswith("enough")


def test_no_supervisor_takes_it_for_its_own(wrap: Wrapper, server: Server) -> None:
    process = wrap.begin("cat", stdin=subprocess.PIPE)
    run = wrap.running()
    before = server.pids()["supervisor"]

    server.kill("supervisor")
    until(lambda: server.pids()["supervisor"] not in ([], before), 30)
    until(server.is_ready, 30)
    done = server.post("/runs", json={"task": "example"}, headers={"Prefer": "wait=30"}).json()

    assert done["outcome"] == "succeeded"  # the new supervisor has settled what was its own
    assert wrap.run()["state"] == "running"
    assert run["node"] == server.get("/status").json()["nodes"][0]["name"]
    process.communicate(b"", timeout=60)
    assert wrap.run()["outcome"] == "succeeded"
