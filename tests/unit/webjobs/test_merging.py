"""What a new version is made of: what came, told apart from what was there, or laid over it."""

import os
import shutil
from pathlib import Path

import pytest

from jobsched.errors import InvalidInput
from jobsched.webjobs import merging
from jobsched.webjobs.moving import TICK
from jobsched.webjobs.staging import Entry

MOMENT = 1_600_000_000_000_000_000


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    (tmp_path / "entry").mkdir()
    return Entry(tmp_path / "entry")


@pytest.fixture
def present(tmp_path: Path) -> Path:
    return tmp_path / "present"


def fill(folder: Path, /, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, ns=(MOMENT, MOMENT))


def moved_on(path: Path) -> bool:
    moved: bool = {MOMENT: False, MOMENT + TICK: True}[path.stat().st_mtime_ns]
    return moved


def test_only_what_differs_and_bears_the_old_time_is_moved_on(entry: Entry, present: Path) -> None:
    fill(present, same="1", other="1", longer="1", later="1", deep__same="1", deep__other="1")
    fill(entry.new, same="1", other="2", longer="11", deep__same="1", deep__other="2", more="1")
    fill(entry.new, away__x="1")
    os.utime(present / "later", ns=(MOMENT - TICK, MOMENT - TICK))

    merging.replace(present, entry)

    moved = {path.name for path in entry.new.iterdir() if path.is_file() and moved_on(path)}
    assert moved == {"other", "longer"}
    assert not moved_on(entry.new / "deep" / "same")
    assert moved_on(entry.new / "deep" / "other")
    assert not moved_on(entry.new / "away" / "x")


def test_what_is_added_wins_and_the_rest_is_copied_with_modes_and_times(
    entry: Entry, present: Path
) -> None:
    fill(present, run="old", deep__kept="kept", deep__changed="old", whole__x="x")
    present.chmod(0o750)
    (present / "deep").chmod(0o700)
    (present / "whole" / "x").chmod(0o444)
    (present / "link").symlink_to("run")
    os.mkfifo(present / "pipe")
    fill(entry.added, deep__changed="new", more="more")

    merging.lay_over(present, entry)

    files = {str(path.relative_to(entry.new)) for path in entry.new.rglob("*")}
    assert files == {
        "run", "deep", "deep/kept", "deep/changed", "whole", "whole/x", "link", "more",
    }  # fmt: skip
    assert (entry.new / "deep" / "changed").read_text() == "new"
    assert (entry.new / "deep" / "kept").stat().st_mtime_ns == MOMENT
    modes = [path.stat().st_mode & 0o777 for path in (entry.new, entry.new / "deep")]
    assert [*modes, (entry.new / "whole" / "x").stat().st_mode & 0o777] == [0o750, 0o700, 0o444]
    assert (entry.new / "link").readlink() == Path("run")


def test_nothing_is_copied_that_is_replaced_anyway(
    entry: Entry, present: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(present, one="1", deep__two="2")
    fill(entry.added, one="1", deep__two="2")
    monkeypatch.setattr(shutil, "copy2", pytest.fail)

    merging.lay_over(present, entry)

    assert (entry.new / "deep" / "two").read_text() == "2"


@pytest.mark.parametrize("added", ["folder", "link", "link__x", "file__x"])
def test_a_kind_never_comes_over_another(entry: Entry, present: Path, added: str) -> None:
    fill(present, folder__x="1", file="1")
    (present / "link").symlink_to(present)
    fill(entry.added, **{added: "2"})

    with pytest.raises(InvalidInput, match="something else"):
        merging.lay_over(present, entry)
