import stat
from pathlib import Path

import pytest

from jobsched.execution.script import ScriptMissing
from jobsched.execution.webjob.hosts import BadArguments, command, host_of, split


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder on PATH with nothing in it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def install(folder: Path, name: str) -> str:
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(stat.S_IRWXU)
    return str(folder / name)


@pytest.mark.parametrize(
    ("script", "program", "options"),
    [
        ("run.sh", "bash", ()),
        ("RUN.SH", "bash", ()),
        ("run.php", "php", ()),
        ("run.js", "node", ()),
        ("run.ps1", "pwsh", ("-NoProfile", "-File")),
        ("run.jar", "java", ("-jar",)),
    ],
)
def test_the_suffix_chooses_the_program(
    programs: Path, script: str, program: str, options: tuple[str, ...]
) -> None:
    path = install(programs, program)

    assert command(Path(script), {}, str(programs)) == (path, *options)


def test_without_bash_a_shell_script_is_run_by_sh(programs: Path) -> None:
    path = install(programs, "sh")

    assert command(Path("run.sh"), {}, str(programs)) == (path,)


@pytest.mark.parametrize(
    ("script", "program"), [("run.php", "php"), ("run.ps1", "pwsh"), ("run.js", "node")]
)
def test_a_missing_program_is_named_with_what_to_do(
    programs: Path, script: str, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(programs))
    suffix = Path(script).suffix
    expected = f"{program} is not installed here; install it, or set SCRIPT_TYPES['{suffix}']."

    with pytest.raises(ScriptMissing) as caught:
        command(Path(script), {}, str(programs))

    assert expected in str(caught.value)


def test_a_program_that_only_the_path_of_the_job_hides_is_told_with_that_path(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(programs, "php")
    monkeypatch.setenv("PATH", str(programs))
    elsewhere = str(tmp_path / "elsewhere")

    with pytest.raises(ScriptMissing) as caught:
        command(Path("run.php"), {}, elsewhere)

    assert f"php is installed here, but not on the PATH of the job, which is {elsewhere};" in str(
        caught.value
    )


@pytest.mark.parametrize("suffix", [".cmd", ".bat", ".exe"])
def test_a_script_of_windows_wants_a_configured_command(programs: Path, suffix: str) -> None:
    with pytest.raises(ScriptMissing, match=f"set SCRIPT_TYPES\\['{suffix}'\\] in jobsched.cfg"):
        command(Path(f"run{suffix}"), {}, str(programs))


def test_a_configured_command_counts_before_everything(programs: Path, tmp_path: Path) -> None:
    path = install(programs, "wine")
    script = tmp_path / "run.exe"
    script.write_bytes(b"\x7fELF...")

    assert command(script, {".exe": ("wine", "-q")}, str(programs)) == (path, "-q")


def test_an_exe_that_is_a_program_of_this_system_runs_by_itself(
    programs: Path, tmp_path: Path
) -> None:
    script = tmp_path / "run.exe"
    script.write_bytes(b"\x7fELF...")

    assert command(script, {}, str(programs)) == ()


def test_a_suffix_that_nothing_runs_is_named(programs: Path) -> None:
    with pytest.raises(ScriptMissing, match=r"nothing is known to run \.rb files"):
        command(Path("run.rb"), {}, str(programs))


@pytest.mark.parametrize(
    ("script", "host"),
    [
        ("run.cmd", "WindowsScriptHost"),
        ("a/run.PS1", "PowerShellScriptHost"),
        ("run.sh", "BashScriptHost"),
        ("run.py", "PythonScriptHost"),
        ("run.php", "PhpScriptHost"),
        ("run.js", "NodeScriptHost"),
        ("run.rb", "ScriptHost"),
    ],
)
def test_kudus_name_of_what_runs_a_script(script: str, host: str) -> None:
    assert host_of(script) == host


def test_arguments_are_taken_apart_as_a_shell_does() -> None:
    assert split("one 'two words' \"drei Wörter\" $HOME") == [
        "one",
        "two words",
        "drei Wörter",
        "$HOME",
    ]


def test_an_open_quote_is_refused_with_the_text() -> None:
    with pytest.raises(BadArguments, match="no closing quotation: say 'hello"):
        split("say 'hello")


def test_a_nul_character_is_refused() -> None:
    with pytest.raises(BadArguments, match="NUL"):
        split("a\0b")
