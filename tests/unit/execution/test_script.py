"""Which command runs a script, and what RunScript says about how it ended."""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from jobsched import watchdog
from jobsched.execution.script import (
    SCRIPT_TYPES,
    RunScript,
    ScriptFailed,
    ScriptMissing,
    can_run,
    command,
    command_for,
    find,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """Where scripts are looked for, as Settings has it."""

    conf_dir: Path
    script_types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The server's working directory; conf/ lies elsewhere."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def write(path: Path, text: str = "exit 0\n", mode: int = 0o644) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_a_relative_script_is_first_looked_for_in_the_working_directory(work: Path) -> None:
    conf = work.parent / "conf"
    write(conf / "foo.bash")
    here = write(work / "foo.bash")

    assert find("foo.bash", conf) == here


def test_a_relative_script_is_then_looked_for_next_to_the_catalog(work: Path) -> None:
    conf = work.parent / "conf"
    beside = write(conf / "foo.bash")

    assert find("foo.bash", conf) == beside


def test_an_absolute_script_is_where_it_says(work: Path) -> None:
    script = write(work / "foo.bash")

    assert find(str(script), work.parent / "conf") == script


@pytest.mark.parametrize("script", ["foo.bash", "sub/foo.bash"])
def test_a_missing_script_is_named_with_every_path_that_was_tried(work: Path, script: str) -> None:
    conf = work.parent / "conf"

    with pytest.raises(ScriptMissing) as missing:
        find(script, conf)

    assert str(missing.value) == (
        f"There is no script {script!r}: looked for {work / script} and {conf / script}."
    )


@pytest.mark.parametrize("script", ["", ".", "..", "a\0b"])
def test_what_is_no_file_is_no_script(work: Path, script: str) -> None:
    with pytest.raises(ScriptMissing):
        find(script, None)


def test_an_executable_with_an_interpreter_line_runs_itself(work: Path) -> None:
    script = write(work / "foo.sh", "#!/bin/false\n", 0o755)

    assert command_for(script, SCRIPT_TYPES) == [str(script)]


def test_an_executable_of_unknown_type_runs_itself(work: Path) -> None:
    script = write(work / "program", "\x7fELF", 0o755)

    assert command_for(script, SCRIPT_TYPES) == [str(script)]


@pytest.mark.parametrize("mode", [0o644, 0o755])
def test_a_script_without_interpreter_line_is_given_to_that_of_its_suffix(
    work: Path, mode: int
) -> None:
    script = write(work / "foo.SH", "exit 0\n", mode)

    assert command_for(script, SCRIPT_TYPES) == [shutil.which("bash"), str(script)]


def test_a_python_script_runs_under_the_servers_python(work: Path) -> None:
    script = write(work / "foo.py")

    assert command_for(script, SCRIPT_TYPES) == [sys.executable, str(script)]


def test_a_script_that_nothing_can_run_is_refused(work: Path) -> None:
    script = write(work / "foo.txt")

    with pytest.raises(ScriptMissing, match="it is not executable, and its suffix"):
        command_for(script, SCRIPT_TYPES)


@pytest.mark.parametrize("interpreter", [("no-such-program", "/c"), ()])
def test_a_missing_interpreter_is_named_with_the_way_out(
    work: Path, interpreter: tuple[str, ...]
) -> None:
    script = write(work / "foo.cmd")

    with pytest.raises(ScriptMissing, match=r"not installed here; .* SCRIPT_TYPES\['.cmd'\]"):
        command_for(script, {".cmd": interpreter})


def test_settings_add_and_override_script_types(work: Path) -> None:
    script = write(work / "foo.sh")
    places = Here(conf_dir=work, script_types={".sh": ("env", "-i", "bash")})

    argv = command({"script": "foo.sh"}, places)

    assert argv == [shutil.which("env"), "-i", "bash", str(script)]


def test_a_failed_script_is_named_with_its_status() -> None:
    assert str(ScriptFailed("a.sh", 3)) == "The script 'a.sh' ended with status 3."
    assert str(ScriptFailed("a.sh", -9)) == "The script 'a.sh' ended by signal 9 (SIGKILL)."
    assert str(ScriptFailed("a.sh", -63)) == "The script 'a.sh' ended by signal 63."


def test_the_shipped_script_runs_as_it_lies_there() -> None:
    conf = Path(__file__).parents[3] / "conf"

    assert command({"script": "foo.bash"}, Here(conf_dir=conf)) == [str(conf / "foo.bash")]


@pytest.fixture
def unwatched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a task process whose JOB_LIVETIME is 0: the script runs as our own child."""
    monkeypatch.setattr("jobsched.watchdog._limits", None)
    watchdog.attach(lambda _: None, 0.0)


@pytest.mark.usefixtures("unwatched")
def test_runscript_passes_the_output_on(work: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(work / "foo.sh", "echo out; echo err >&2\n")

    RunScript(script="foo.sh")(None)

    assert capfd.readouterr() == ("out\n", "err\n")


@pytest.mark.usefixtures("unwatched")
@pytest.mark.parametrize(("text", "status"), [("exit 3", 3), ("kill -9 $$", -9)])
def test_runscript_raises_when_the_script_fails(work: Path, text: str, status: int) -> None:
    write(work / "foo.sh", text)

    with pytest.raises(ScriptFailed) as failure:
        RunScript(script="foo.sh")(None)

    assert (failure.value.script, failure.value.status) == ("foo.sh", status)


@pytest.mark.usefixtures("unwatched")
def test_runscript_looks_next_to_the_catalog_that_it_is_told(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBSCHED_CONF_DIR", str(work.parent / "conf"))

    with pytest.raises(ScriptMissing, match=r"foo\.sh and .*/conf/foo\.sh"):
        RunScript(script="foo.sh")(None)


def test_an_executable_that_may_not_be_read_goes_by_its_suffix(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = write(work / "foo.sh", "#!/bin/false\n", 0o755)

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "open", refuse)

    assert command_for(script, SCRIPT_TYPES) == [shutil.which("bash"), str(script)]


def test_whether_a_script_can_run_is_known_beforehand(tmp_path: Path) -> None:
    for name in ("a.sh", "a.nothing"):
        (tmp_path / name).touch(mode=0o600)

    assert can_run(tmp_path / "a.sh", SCRIPT_TYPES)
    assert not can_run(tmp_path / "a.sh", {".sh": ("no-such-interpreter-here",)})
    assert not can_run(tmp_path / "a.nothing", SCRIPT_TYPES)
