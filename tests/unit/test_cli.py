"""The command line: what is started with what, and how it refuses."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobsched import cli
from jobsched.app import serving, tokens
from jobsched.settings import Settings
from tests.support.server import ROOT


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Replace starting by noting what would be started."""
    calls: list[tuple[Any, ...]] = []

    def start(*call: Any) -> int:
        calls.append(call)
        return 0

    monkeypatch.setattr(serving, "prepare", lambda flags, environ: flags)
    monkeypatch.setattr(serving, "serve", lambda flags: start("serve", flags))
    monkeypatch.setattr(serving, "serve_part", start)
    for name in ("JOBSCHED_CONF_DIR", "JOBSCHED_TASKS_DIR", "JOBSCHED_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    return calls


@pytest.mark.parametrize("argv", [["--conf-dir", "c"], ["serve", "--conf-dir", "c"]])
def test_no_command_means_serve(started: list[tuple[Any, ...]], argv: list[str]) -> None:
    code = cli.main(argv)

    assert code == 0
    assert started[0][0] == "serve"
    assert started[0][1]["conf_dir"] == "c"


@pytest.mark.parametrize("part", ["web", "scheduler", "supervisor"])
def test_one_part_can_be_started_alone(started: list[tuple[Any, ...]], part: str) -> None:
    assert cli.main([part, "-p", "4321"]) == 0

    assert started[0][0] == part
    assert started[0][1]["port"] == "4321"


def test_short_and_long_options_mean_the_same(started: list[tuple[Any, ...]]) -> None:
    cli.main(["-a", "::1", "-j", "7", "--keep-runs"])
    cli.main(["--addr", "::1", "--jobs", "7", "--keep-runs"])

    assert started[0] == started[1]
    assert started[0][1]["host"] == "::1"
    assert started[0][1]["keep_runs"] is True


def test_an_option_that_is_not_given_is_left_to_environment_and_settings(
    started: list[tuple[Any, ...]],
) -> None:
    cli.main([])

    assert set(started[0][1].values()) == {None}


@pytest.mark.parametrize("missing", ["--conf-dir", "--tasks-dir"])
def test_a_missing_folder_option_is_named_j2(
    missing: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("JOBSCHED_CONF_DIR", "JOBSCHED_TASKS_DIR"):
        monkeypatch.delenv(name, raising=False)
    other = "--tasks-dir" if missing == "--conf-dir" else "--conf-dir"

    code = cli.main([other, str(tmp_path), "--data-dir", str(tmp_path / "data")])

    assert code == 2
    assert missing in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["--conf-dir", "--tasks-dir"])
def test_a_folder_that_does_not_exist_is_named_with_its_option_j3(
    wrong: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = "--tasks-dir" if wrong == "--conf-dir" else "--conf-dir"

    code = cli.main([wrong, str(tmp_path / "absent"), other, str(tmp_path)])

    said = capsys.readouterr().err
    assert code == 2
    assert wrong in said
    assert str(tmp_path / "absent") in said


def test_an_unknown_option_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        cli.main(["--conf-dri", "x"])

    assert exit_info.value.code == 2
    assert "--conf-dri" in capsys.readouterr().err


def test_an_unknown_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        cli.main(["sreve"])

    assert exit_info.value.code == 2
    assert "sreve" in capsys.readouterr().err


def test_a_token_is_made_listed_and_taken_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--data-dir", str(tmp_path)]

    assert cli.main(["token", "create", "--role", "operator", "--name", "ci", *where]) == 0
    token = capsys.readouterr().out.strip()
    assert cli.main(["token", "list", *where]) == 0
    listed = capsys.readouterr().out
    assert cli.main(["token", "revoke", "1", *where]) == 0
    again = cli.main(["token", "revoke", "1", *where])

    assert len(token) >= 43
    assert "\n" not in token
    assert "ci\toperator" in listed
    assert token not in listed
    assert again == cli.NOT_FOUND


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--role", "king", "--name", "ci"], "king"),
        (["--role", "viewer", "--name", "no name"], "no name"),
        (["--role", "viewer", "--name", "ci", "--expires", "soon"], "soon"),
    ],
)
def test_a_wrong_token_is_refused_by_name(
    options: list[str], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = cli.main(["token", "create", *options, "--data-dir", str(tmp_path)])

    assert code == cli.USAGE
    assert named in capsys.readouterr().err


def test_the_last_token_that_is_revoked_leaves_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        where = ["--data-dir", str(tmp_path)]
        cli.main(["token", "create", "--role", "admin", "--name", name, *where])
    capsys.readouterr()

    said = []
    for number in ("1", "2"):
        cli.main(["token", "revoke", number, *where])
        said.append(capsys.readouterr().out)

    assert said[0] == ""
    assert "are admins again" in said[1]


def test_a_token_is_made_where_the_configuration_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf, data = tmp_path / "conf", tmp_path / "data"
    conf.mkdir()
    (conf / "jobsched.cfg").write_text(f"DATABASE_URL = 'sqlite:///{tmp_path}/other.db'")
    folders = ["--conf-dir", str(conf), "--data-dir", str(data)]

    cli.main(["token", "create", "--role", "admin", "--name", "x", "--expires", "1d", *folders])
    cli.main(["token", "list", *folders])

    assert re.search(r"expires 20[0-9-]{8}T[0-9:]{8}Z\tused never", capsys.readouterr().out)
    assert (tmp_path / "other.db").exists()
    assert not (data / "jobsched.db").exists()


def test_without_the_packages_one_sentence_names_the_way_out(tmp_path: Path) -> None:
    program = "import sys; sys.path.insert(0, sys.argv.pop(1)); from jobsched import cli; "
    program += "sys.exit(cli.main())"
    options = ["token", "list", "--data-dir", str(tmp_path)]

    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(ROOT), *options],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert result.returncode == cli.FAILED
    assert re.fullmatch(r"jobsched: .* has no package \w+; .*\.\n", result.stderr)


def test_the_command_that_a_refusal_names_makes_the_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "conf").mkdir()
    settings = Settings(conf_dir=tmp_path / "conf", tasks_dir=tmp_path, data_dir=tmp_path / "da ta")

    words = shlex.split(tokens.command(settings))

    assert words[:3] == [sys.executable, "-m", "jobsched"]
    assert cli.main(words[3:]) == 0
    assert (tmp_path / "da ta" / "jobsched.db").exists()
