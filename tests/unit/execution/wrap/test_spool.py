"""What waits to be told survives whoever looks at it meanwhile."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from jobsched.execution.wrap import spool
from jobsched.execution.wrap.spool import Entry, flush, usual_folder

URL = "http://here"
END = {"started_at": "2026-01-01T00:00:00+00:00", "ended_at": "2026-01-01T00:00:01+00:00"}


def told(folder: Path, done: bool = True) -> list[str]:
    """Return the keys that a flush tells."""
    keys: list[str] = []

    def tell(key: str, _: dict[str, Any]) -> bool:
        keys.append(key)
        return done

    flush(folder, URL, tell)
    return keys


def close(entry: Entry) -> None:
    """Let go of the file as the end of its process does."""
    assert entry._file is not None
    os.close(entry._file)


def test_what_its_writer_still_holds_is_not_told(tmp_path: Path) -> None:
    entry = Entry(tmp_path, "a")
    entry.keep(URL, END)

    held = told(tmp_path)
    close(entry)

    assert (held, told(tmp_path), told(tmp_path)) == ([], ["a"], [])


def test_nobody_takes_a_file_that_is_just_being_written_for_rubbish(tmp_path: Path) -> None:
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            told(tmp_path, done=False)

    watcher = threading.Thread(target=look)
    watcher.start()
    entries = [Entry(tmp_path, f"key{number}") for number in range(300)]
    for entry in entries:
        entry.keep(URL, END)
        entry.keep(URL, {**END, "more": "x" * 100})
    over.set()
    watcher.join()

    for entry in entries:
        close(entry)
    assert len(told(tmp_path)) == 300


def test_what_was_told_in_time_leaves_no_file(tmp_path: Path) -> None:
    unused, used = Entry(tmp_path / "a", "a"), Entry(tmp_path / "b", "b")
    used.keep(URL, END)

    unused.forget()
    used.forget()

    close(used)
    assert not (tmp_path / "a").exists()
    assert [*(tmp_path / "b").iterdir()] == []


def test_what_is_meant_for_another_server_waits(tmp_path: Path) -> None:
    for key, url in (("a", "http://there"), ("b", URL), ("c", None)):
        entry = Entry(tmp_path, key)
        entry.keep(url, END)
        close(entry)

    assert sorted(told(tmp_path)) == ["b", "c"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_too_old_and_too_many_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "MOST", 3)
    for number in range(6):
        entry = Entry(tmp_path, f"key{number}")
        entry.keep(URL, END)
        close(entry)
        age = spool.OLDEST + 10 if number == 5 else 100 - number
        now = entry.path.stat().st_mtime
        os.utime(entry.path, (now - age, now - age))

    assert sorted(told(tmp_path, done=False)) == ["key2", "key3", "key4"]
    assert len([*tmp_path.iterdir()]) == 3


def test_the_folder_is_where_the_user_keeps_state() -> None:
    assert usual_folder({"XDG_STATE_HOME": "/s"}) == Path("/s/jobsched/wrap")
    assert usual_folder({"XDG_STATE_HOME": "s"}) == Path.home() / ".local/state/jobsched/wrap"
