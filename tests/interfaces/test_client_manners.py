"""How the command line behaves: help, streams, colours, terminals, completion, speed."""

import json
import os
import pty
import re
import resource
import select
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobsched import cli
from jobsched.cli import completion, tree
from tests.support.client import UNMEASURED, Client, counting, leaves
from tests.support.server import ROOT, Server

EXAMPLE = re.compile(r"examples?:\n  jobsched (.+)")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with counting(tmp_path_factory.mktemp("server")) as running:
        running.schedule("count", seconds=3600, name="job")
        yield running


@pytest.fixture
def client(server: Server, tmp_path: Path) -> Client:
    return Client(server.url, tmp_path)


@pytest.mark.parametrize("command", [*leaves()], ids=" ".join)
def test_every_command_has_help_with_an_example(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = cli.main([*command, "--help"])
    except SystemExit as leaving:
        code = leaving.code

    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    found = EXAMPLE.search(out)
    assert found is not None
    assert found[1].startswith((" ".join(command), "completion"))


@pytest.mark.parametrize("command", [*leaves()], ids=" ".join)
def test_every_example_can_be_read(command: tuple[str, ...]) -> None:
    parser = tree.parser()
    for word in command:
        parser = completion._commands(parser)[word]
    lines = (parser.epilog or "").splitlines()[1:]

    for line in lines:
        words = shlex.split(line.strip().split(" > ")[0])
        if words[0] == "jobsched":
            assert tree.read(words[1:]).command == command[0]


def test_each_noun_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for noun in ("jobs", "runs", "services", "token", "completion"):
        with pytest.raises(SystemExit) as leaving:
            cli.main([noun, "--help"])
        assert leaving.value.code == 0
        assert "example:" in capsys.readouterr().out


def test_data_goes_to_stdout_and_messages_to_stderr(client: Client) -> None:
    said = client.good("run", "count", "n=1")
    quiet = client.good("run", "count", "n=1", "--wait", "--quiet")

    assert said.out.strip().isdigit()
    assert re.fullmatch(r"Run \d+ of 'count' is \w+\.\n", said.err)
    assert quiet.err == ""


def test_what_names_and_reasons_contain_cannot_steer_the_terminal(client: Client) -> None:
    text = "\x1b[31mred\x07\n\u202eevil"
    client.good("jobs", "change", "job", "--description", text)

    shown = client.good("jobs", "show", "job").out
    unknown = client("run", f"{text}\r")

    for said in (shown, unknown.err):
        assert "\x1b" not in said
        assert "\u202e" not in said
    assert r"\x1b[31mred" in shown
    assert client.good("jobs", "show", "job", "--json").json["description"] == text


def test_an_encoding_that_cannot_show_a_name_is_no_failure(client: Client) -> None:
    client.good("jobs", "change", "job", "--description", "größe 日本")

    said = client.good("jobs", "show", "job", PYTHONIOENCODING="ascii")

    assert r"gr\xf6\xdfe \u65e5" in said.out


def test_a_full_disk_is_told(client: Client) -> None:
    with Path("/dev/full").open("wb") as full, client.begin("catalog", stdout=full) as process:
        _, err = process.communicate(timeout=60)

    assert process.returncode == cli.FAILED
    assert err == b"jobsched: The output: No space left on device.\n"


def test_a_closed_stdout_is_no_failure(client: Client) -> None:
    command = shlex.join(client.command("run", "count", "n=1", "--wait"))

    done = subprocess.run(
        ["sh", "-c", f"exec {command} >&- 2>&-"], env=client.environ, timeout=60, check=False
    )

    assert done.returncode == 0


# -- terminals ---------------------------------------------------------------------------------


def on_a_terminal(client: Client, *words: str, **environ: str) -> str:
    """Run a command whose stdout and stderr are a terminal, and return all that it shows."""
    here, there = pty.openpty()
    given = {**client.environ, "TERM": "xterm", **environ}
    with subprocess.Popen(
        client.command(*words), env=given, stdin=there, stdout=there, stderr=there
    ) as process:
        os.close(there)
        shown = b""
        while select.select([here], [], [], 60)[0]:
            try:
                shown += os.read(here, 65536)
            except OSError:  # the other end is closed
                break
    assert process.returncode is not None
    os.close(here)
    return shown.decode()


def test_colours_are_for_terminals_that_want_them(client: Client) -> None:
    green = "\x1b[32mactive\x1b[0m"

    assert green in on_a_terminal(client, "jobs", "list")
    for environ in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in on_a_terminal(client, "jobs", "list", **environ)
    assert "\x1b" not in on_a_terminal(client, "jobs", "list", "--json")
    assert "\x1b" not in client.good("jobs", "list").out


def test_progress_is_for_terminals(client: Client) -> None:
    words = ["run", "count", "n=8", "pause=0.25", "--wait"]

    watched = on_a_terminal(client, *words)
    unwatched = client.good(*words)

    assert re.search(r"\rrun \d+ running \ds", watched)
    assert watched.count("\x1b[K") >= 2
    assert "\r" not in unwatched.err
    assert len(unwatched.err.splitlines()) == 2


# -- completion --------------------------------------------------------------------------------


def completed(shell: str, script: str, folder: Path) -> list[str]:
    """Run *script* in a shell that finds ``jobsched``, and return its lines."""
    program = folder / "jobsched"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m jobsched "$@"\n')
    program.chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    inherited = {name: os.environ[name] for name in UNMEASURED if name in os.environ}
    own = {"PATH": path, "HOME": str(folder), "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
    environ = {**inherited, **own}
    done = subprocess.run(
        [shell, "-c", script], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (["jobsched", "up"], ["upcoming", "upload"]),
        (["jobsched", "runs", "l"], ["list", "logs"]),
        (["jobsched", "runs", "logs", "--st"], ["--stream"]),
        (["jobsched", "runs", "logs", "--stream", ""], ["both", "err", "out"]),
        (["jobsched", "upload", "--type", "c"], ["continuous"]),
        (["jobsched", "runs", "records", "--state", "r"], ["resolved", "retrying"]),
        (["jobsched", "runs", "list", "--outcome", "s"], ["stopped", "succeeded"]),
        (["jobsched", "jobs", "list", "--mode", "t"], ["triggered"]),
        (["jobsched", "nothing", "x"], []),
    ],
    ids=str,
)
def test_bash_completes_commands_verbs_options_and_choices(
    line: list[str], found: list[str], tmp_path: Path
) -> None:
    words = " ".join(f"'{word}'" for word in line)
    script = f"""
        eval "$(jobsched completion bash)"
        COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        compopt() {{ :; }}
        _jobsched
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """

    assert completed("bash", script, tmp_path) == found


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_scripts_for_other_shells_can_be_read(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    script = tmp_path / "script"
    script.write_text(completion.SCRIPTS[shell])

    assert completed(shell, f"{shell} -n {script}", tmp_path) == []


def test_fish_completes(tmp_path: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("there is no fish here")
    script = "jobsched completion fish | source; complete -C 'jobsched runs l'"

    assert completed("fish", script, tmp_path) == ["list", "logs"]


# -- speed -------------------------------------------------------------------------------------


def cpu(run: Callable[[], object]) -> float:
    """Return the least CPU seconds of the children that *run* starts, of several times."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return min(once() for _ in range(5))


@pytest.mark.parametrize("words", [["--help"], ["status"]], ids=str)
def test_a_command_starts_within_100_ms_of_a_bare_python(words: list[str], client: Client) -> None:
    bare = [sys.executable, "-c", "pass"]

    environ = {**client.environ, **UNMEASURED}

    extra = cpu(lambda: client(*words, **UNMEASURED)) - cpu(
        lambda: subprocess.run(bare, env=environ, check=True, timeout=30)
    )

    assert extra < 0.1


def test_a_command_that_asks_imports_nothing_of_the_server(client: Client) -> None:
    program = "import sys; from jobsched import cli; cli.main(['jobs', 'list']); "
    program += "print(*(name for name in sys.modules if name.startswith('jobsched.')))"

    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {program}"],
        env=client.environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    loaded = done.stdout.splitlines()[-1].split()
    assert {name.split(".")[1] for name in loaded} == {"cli", "client"}


def test_records_are_reported_from_a_run_only(client: Client) -> None:
    report = client.folder / "report"
    words = ["record", "--error", "no such customer", "--data", '{"id": 5}']

    outside = client(*words)
    inside = client(*words, JOBSCHED_REPORT=str(report))
    wrong = client("record", "--eror", "x", JOBSCHED_REPORT=str(report))

    assert (outside.code, inside.code, wrong.code) == (cli.FAILED, 0, cli.USAGE)
    assert "JOBSCHED_REPORT is not set" in outside.err
    assert json.loads(report.read_text())["data"] == {"id": 5}
