"""The check command finds all mistakes of all files in one go."""

from pathlib import Path

import pytest

from jobsched.errors import ConfigurationError
from jobsched.operations.check import Findings, check, data_folder_mistakes, make_private

CATALOG = "[example]\nfile=example.py\nclass=Example\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with conf/, tasks/ and one good task."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "tasks").mkdir()
    (tmp_path / "conf" / "catalog.cfg").write_text(CATALOG)
    (tmp_path / "tasks" / "example.py").write_text("class Example:\n    pass\n")
    return tmp_path


def flags_of(place: Path) -> dict[str, object]:
    return {
        "conf_dir": str(place / "conf"),
        "tasks_dir": str(place / "tasks"),
        "data_dir": str(place / "var"),
    }


def test_a_good_configuration_has_no_mistakes(place: Path) -> None:
    assert check(flags_of(place), {}) == Findings(mistakes=[])
    assert not (place / "var").exists()


def test_mistakes_of_all_files_come_together(place: Path) -> None:
    (place / "conf" / "jobsched.cfg").write_text("JOB_LIVETIM = 3\n")
    (place / "conf" / "catalog.cfg").write_text(CATALOG.replace("Example", "Exmple"))
    (place / "conf" / "logging.cfg").write_text("[loggers]\nkeys=root\n")
    (place / "var").mkdir(mode=0o755)
    (place / "var" / "something").touch()

    wheres = [mistake.where for mistake in check(flags_of(place), {}).mistakes]

    for part in ("jobsched.cfg:1", "catalog.cfg", "logging.cfg", "var"):
        assert any(part in where for where in wheres), (part, wheres)


def test_files_for_tls_that_cannot_be_used_are_mistakes(place: Path) -> None:
    (place / "conf" / "jobsched.cfg").write_text("CERT_FILE = '/nowhere/cert.pem'\n")

    (mistake,) = check(flags_of(place), {}).mistakes

    assert str(mistake) == "CERT_FILE /nowhere/cert.pem: cannot be read: No such file or directory"


def test_without_folders_only_they_are_missing() -> None:
    assert [mistake.where for mistake in check({}, {}).mistakes] == ["--conf-dir", "--tasks-dir"]


def test_a_file_is_no_data_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert "not a directory" in str(data_folder_mistakes(tmp_path / "file"))
    assert "cannot be made" in str(data_folder_mistakes(tmp_path / "file" / "below"))


def test_the_warnings_of_a_good_configuration_are_told_too(place: Path) -> None:
    text = "SCRIPT_TYPES = {'rb': ['no-such-ruby']}\nSCHED_CONFIG = {'apscheduler.coalesce': True}"
    (place / "conf" / "jobsched.cfg").write_text(text)

    findings = check(flags_of(place), {})

    assert findings.mistakes == []
    assert len(findings.warnings) == 2
    assert "SCRIPT_TYPES['.rb']: no-such-ruby is not installed here" in findings.warnings


def test_a_database_without_its_driver_is_a_mistake(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobsched.storage.database.find_spec", lambda name: None)

    (mistake,) = check(flags_of(place), {"JOBSCHED_DATABASE_URL": "postgresql://h/d"}).mistakes

    assert "pip install 'psycopg[binary]'" in str(mistake)


def test_an_empty_open_data_folder_is_closed_a_used_one_is_refused(tmp_path: Path) -> None:
    empty, used = tmp_path / "empty", tmp_path / "used"
    for folder in (empty, used):
        folder.mkdir(mode=0o755)
    (used / "jobsched.db").touch()

    make_private(empty)

    assert empty.stat().st_mode & 0o777 == 0o700
    with pytest.raises(ConfigurationError, match=f"chmod 700 {used}"):
        make_private(used)
    assert used.stat().st_mode & 0o777 == 0o755


def test_a_data_folder_is_made_private(tmp_path: Path) -> None:
    make_private(tmp_path / "new" / "var")

    assert (tmp_path / "new" / "var").stat().st_mode & 0o777 == 0o700
