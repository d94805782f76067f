"""The README's commands, run as they are written, give the answers that it shows."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsched import cli
from tests.support.client import Client, options
from tests.support.server import ROOT, Server
from tests.support.waiting import until

README = (ROOT / "README.rst").read_text(encoding="utf-8")
SECURITY = (ROOT / "docs" / "security.rst").read_text(encoding="utf-8")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# A command and the head of the answer shown below it.
EXAMPLES = re.findall(
    r"^    (curl .+)\n\n    HTTP/1\.1 (.+)\n((?:    [\w-]+: .+\n)*)", README, re.M
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server")) as running:
        job = running.schedule("example", seconds=0.5)
        running.finished(job, 1)
        running.post(f"/jobs/{job}/pause")
        yield running


def test_every_curl_example_gets_the_answer_shown(server: Server) -> None:
    job = ""
    assert len(EXAMPLES) >= 20

    for command, status, headers in EXAMPLES:
        here = UUID.sub(job, command).replace("http://127.0.0.1:58631", server.url)
        until(lambda: all(run["state"] == "done" for run in server.runs()))
        answer = subprocess.run(  # noqa: S602 - typed into a shell, as by the reader
            here.replace("curl ", "curl -s ", 1),
            shell=True,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        ).stdout
        assert answer.startswith(f"HTTP/1.1 {status}"), (command, answer)
        for line in headers.splitlines():
            name, value = line.strip().split(": ")
            if name != "Location":
                assert f"\n{name}: {value}" in answer, (command, answer)
        if "Location" in headers:
            job = UUID.findall(answer)[0]
            # Every second is too often for "run now" to find it idle for certain.
            server.put(f"/jobs/{job}", json={"interval": {"hours": 1}})


def test_every_command_for_the_shell_succeeds(server: Server, tmp_path: Path) -> None:
    client = Client(server.url, tmp_path)
    commands = re.findall(r"^    jobsched (.+)$", README, re.M)

    for command in commands:
        client.good(*shlex.split(command))

    assert len(commands) >= 5


def test_the_preview_is_answered_as_shown(server: Server) -> None:
    found = re.search(
        r"-d '([^']+)' \S+/triggers/preview\n\n.*?(^    \{$.*?^    \}$)", README, re.M | re.S
    )
    assert found is not None

    answer = server.post("/triggers/preview", json=json.loads(found[1])).json()

    assert answer == json.loads(found[2])


@pytest.mark.parametrize(
    ("text", "kinds"), [(README, ["check", "preview", *["token"] * 3]), (SECURITY, ["token"] * 3)]
)
def test_every_other_command_does_what_the_text_says(
    text: str,
    kinds: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # What debug.sh sets before it calls the program with the same arguments.
    folders = {"CONF": ROOT / "conf", "TASKS": ROOT / "tasks", "DATA": tmp_path / "var"}
    for name, path in folders.items():
        monkeypatch.setenv(f"JOBSCHED_{name}_DIR", str(path))
    commands = re.findall(r"^    \./debug\.sh (.+)$", text, re.M)

    for command in commands:
        assert cli.main(shlex.split(command)) == 0, command

    assert [command.split()[0] for command in commands] == kinds
    assert "That was the last token" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["debug.sh", "test.sh", ".ci/run"])
def test_the_commands_exist_and_can_be_executed(name: str) -> None:
    assert (ROOT / name).stat().st_mode & 0o111


def test_every_option_of_the_program_that_is_mentioned_exists() -> None:
    known = options()

    mentioned = set(re.findall(r"``(--[a-z-]+)``", README))

    assert mentioned <= known


def test_the_shipped_catalog_is_the_one_in_the_readme() -> None:
    shown = re.search(r"    \[runfoo\].*?(?=\n\nThe section)", README, re.S)
    shipped = (ROOT / "conf" / "catalog.cfg").read_text(encoding="utf-8")

    assert shown is not None
    lines = [line.strip() for line in shown[0].splitlines() if line.strip()]
    assert lines == [line for line in shipped.splitlines() if line and line[0] != "#"]


def test_the_files_that_are_mentioned_exist() -> None:
    for name in re.findall(r"<((?:docs/)?\w+\.rst)>`_", README):
        assert Path(ROOT / name).is_file()
