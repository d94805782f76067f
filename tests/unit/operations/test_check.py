"""The check command finds all mistakes of all files in one go."""

from pathlib import Path

import pytest

from jobsched.operations.check import check, data_folder_mistakes

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
    assert check(flags_of(place), {}) == []
    assert not (place / "var").exists()


def test_mistakes_of_all_files_come_together(place: Path) -> None:
    (place / "conf" / "jobsched.cfg").write_text("JOB_LIVETIM = 3\n")
    (place / "conf" / "catalog.cfg").write_text(CATALOG.replace("Example", "Exmple"))
    (place / "conf" / "logging.cfg").write_text("[loggers]\nkeys=root\n")
    (place / "var").mkdir(mode=0o755)

    wheres = [mistake.where for mistake in check(flags_of(place), {})]

    for part in ("jobsched.cfg:1", "catalog.cfg", "logging.cfg", "var"):
        assert any(part in where for where in wheres), (part, wheres)


def test_without_folders_only_they_are_missing() -> None:
    assert [mistake.where for mistake in check({}, {})] == ["--conf-dir", "--tasks-dir"]


def test_a_file_is_no_data_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert "not a directory" in str(data_folder_mistakes(tmp_path / "file"))
    assert "cannot be made" in str(data_folder_mistakes(tmp_path / "file" / "below"))
