"""Which folders are web jobs and which file of a folder runs: W1 to W10, Kudu's own order."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kudu import Kudu
from tests.support.server import Server
from tests.support.waiting import until

# Interpreters that this machine need not have: each only tells what it was given.
FAKES = (".cmd", ".bat", ".exe", ".ps1", ".php")
SEED = ["run.cmd", "run.bat", "run.exe", "run.sh", "run.php", "run.py", "run.js"]


@pytest.fixture(scope="module")
def kudu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kudu]:
    folder = tmp_path_factory.mktemp("scripts")
    fake = folder / "fake"
    fake.write_text('#!/bin/sh\necho "fake runs $(basename "$1")"\n', encoding="utf-8")
    fake.chmod(0o755)
    types = ", ".join(f"{suffix!r}: [{str(fake)!r}]" for suffix in FAKES)
    with Server(folder, cfg=f"SCRIPT_TYPES = {{{types}}}\n") as server:
        yield Kudu(server)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kudu]:
    """A server on a machine that has only bash, python and node."""
    with Server(tmp_path_factory.mktemp("plain")) as server:
        yield Kudu(server)


def command(kudu: Kudu, files: list[str], name: str = "chosen") -> str:
    """Deploy *files* as one job and return which of them it runs."""
    answer = kudu.put("triggered", name, dict.fromkeys(files, "true\n"))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["run_command"])


def command_on_disk(kudu: Kudu, name: str) -> str | None:
    response = kudu.server.get(f"/api/triggeredwebjobs/{name}")
    return response.json()["run_command"] if response.status_code == 200 else None


def test_W1_a_copied_folder_is_listed_without_a_restart(kudu: Kudu) -> None:
    kudu.copy("triggered", "copied", {"run.sh": "echo copied\n"})

    until(lambda: "copied" in kudu.names("triggered"), 20, "the job is listed")

    assert "copied" in kudu.output(kudu.run("copied"))


def test_W3_app_data_of_any_case_is_the_same_folder(tmp_path: Path) -> None:
    jobs = tmp_path / "data" / "site" / "wwwroot" / "app_data" / "jobs" / "triggered"
    (jobs / "small").mkdir(parents=True)
    (tmp_path / "data").chmod(0o700)
    (jobs / "small" / "run.sh").write_text("true\n", encoding="utf-8")
    with Server(tmp_path) as server:
        kudu = Kudu(server)
        until(lambda: "small" in kudu.names("triggered"), 20, "the job is listed")

        kudu.deploy("triggered", "deployed", "true\n")

        assert (jobs / "deployed" / "run.sh").is_file()


def test_W4_a_folder_without_a_script_is_not_listed(kudu: Kudu) -> None:
    kudu.copy("triggered", "nothing", {"readme.md": "no script"})
    kudu.copy("triggered", "something", {"run.sh": "true\n"})

    until(lambda: "something" in kudu.names("triggered"), 20)

    assert "nothing" not in kudu.names("triggered")


def test_W5_run_of_any_type_beats_every_other_name(kudu: Kudu) -> None:
    assert command(kudu, ["foo.cmd", "run.js"]) == "run.js"


@pytest.mark.parametrize("first", range(len(SEED)))
def test_W6_the_order_of_run_is_that_of_the_seed(kudu: Kudu, first: int) -> None:
    assert command(kudu, SEED[first:][::-1]) == SEED[first]


def test_W7_without_run_the_first_file_of_the_first_type(kudu: Kudu) -> None:
    assert command(kudu, ["b.py", "a.js", "z.sh", "y.sh"]) == "y.sh"


def test_W8_files_in_folders_inside_never_count(kudu: Kudu) -> None:
    assert command(kudu, ["inner/run.cmd", "main.js"]) == "main.js"


def test_W8_but_for_the_one_folder_that_is_all_there_is(kudu: Kudu) -> None:
    assert command(kudu, ["inner/run.sh", "inner/more/run.cmd"]) == "inner/run.sh"


def test_W9_what_cannot_run_here_is_passed_over(plain: Kudu) -> None:
    assert command(plain, ["run.cmd", "run.js"]) == "run.js"


def test_W9_nothing_else_there_the_run_fails_and_says_what_to_do(plain: Kudu) -> None:
    assert command(plain, ["run.php"], "php") == "run.php"

    run = plain.run("php")

    assert run["status"] == "Failed"
    assert "php" in plain.output(run)


@pytest.mark.parametrize("suffix", FAKES)
def test_W10_each_type_has_its_interpreter(kudu: Kudu, suffix: str) -> None:
    command(kudu, [f"run{suffix}"], "typed")

    assert f"fake runs run{suffix}" in kudu.output(kudu.run("typed"))


def test_W10_the_working_directory_is_that_of_the_script(kudu: Kudu) -> None:
    files = {"inner/run.sh": "cat beside.txt; pwd\n", "inner/beside.txt": "found beside\n"}
    kudu.put("triggered", "placed", files)

    output = kudu.output(kudu.run("placed"))

    assert "found beside" in output
    assert str(kudu.folder("triggered", "placed")) not in output


def test_JobsScriptsShouldBeChosenByOrder(kudu: Kudu) -> None:
    order = ["run.cmd", "run.bat", "run.exe", "run.ps1", "run.sh", "run.js", "go.cmd", "do.bat"]
    order += ["console.exe", "execute.ps1", "invoke.sh", "execute.js"]
    folder = kudu.copy("triggered", "order", dict.fromkeys(order, "true\n"))

    for file in order:
        until(lambda file=file: command_on_disk(kudu, "order") == file, 20, file)  # type: ignore[misc]
        (folder / file).unlink()

    until(lambda: command_on_disk(kudu, "order") is None, 20, "no script, no job")
    shutil.rmtree(folder)
