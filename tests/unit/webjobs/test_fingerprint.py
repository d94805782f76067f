import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jobsched.webjobs import fingerprint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "run.sh").write_text("echo 1", encoding="utf-8")
    (tmp_path / "sub" / "data").write_text("x", encoding="utf-8")
    return tmp_path


def _linked(path: Path) -> None:
    path.unlink()
    path.symlink_to("sub/data")


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file was added": lambda folder: (folder / "new").touch(),
    "a file was added inside": lambda folder: (folder / "sub" / "new").touch(),
    "a file was removed": lambda folder: (folder / "sub" / "data").unlink(),
    "a file was renamed": lambda folder: (folder / "run.sh").rename(folder / "go.sh"),
    "a file has grown": lambda folder: (folder / "sub" / "data").write_text("xx"),
    "a file is newer": lambda folder: os.utime(folder / "run.sh", (1, 1)),
    "a link took its place": lambda folder: _linked(folder / "run.sh"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_of_files_changes_it(folder: Path, change: Callable[[Path], object]) -> None:
    before = fingerprint.of_folder(folder)

    change(folder)

    assert fingerprint.of_folder(folder) != before


@pytest.mark.parametrize(
    "name",
    ["settings.job", "Disable.job", "singleton.job", "webjob-publish-settings.json",
     "triggeredJob.lock", ".settings.job.tmp"],
)  # fmt: skip
def test_what_only_tells_about_the_job_does_not(folder: Path, name: str) -> None:
    before = fingerprint.of_folder(folder)

    (folder / name).write_text("x", encoding="utf-8")

    assert fingerprint.of_folder(folder) == before


def test_it_does_not_follow_links_out_of_the_folder(folder: Path, tmp_path: Path) -> None:
    (folder / "loop").symlink_to(folder)
    before = fingerprint.of_folder(folder)

    assert fingerprint.of_folder(folder) == before


def test_names_that_are_no_text_do_no_harm(folder: Path) -> None:
    with open(os.fsencode(folder) + b"/\xff", "w", encoding="ascii"):  # noqa: PTH123
        pass

    assert len(fingerprint.of_folder(folder)) == 32


def test_what_has_gone_has_a_fingerprint_too(tmp_path: Path) -> None:
    gone = tmp_path / "gone"

    assert fingerprint.of_folder(gone) == fingerprint.of_file(gone)


def test_a_very_large_folder_is_not_read_to_its_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprint, "MOST_FILES", 1)

    assert fingerprint.of_folder(folder)
