"""The parts of the program tell that they live."""

import os
from pathlib import Path

from jobsched import clock
from jobsched.operations import parts


def test_a_part_is_alive_from_its_begin_to_its_end(tmp_path: Path) -> None:
    before = clock.now()
    parts.signs(tmp_path, "web", lambda: None)

    (part,) = parts.read(tmp_path)
    parts.end(tmp_path, "web")

    assert (part.name, part.pid, part.alive) == ("web", os.getpid(), True)
    assert before <= part.started_at <= clock.now()
    assert parts.read(tmp_path) == []


def test_each_beat_is_passed_on_and_some_are_signed(tmp_path: Path) -> None:
    beats: list[int] = []
    beat = parts.signs(tmp_path, "web", lambda: beats.append(1))
    path = tmp_path / "parts" / f"web.{os.getpid()}"
    os.utime(path, (0, 0))

    beat()
    silent = parts.read(tmp_path)[0]

    assert (beats, silent.alive) == ([1], False)
    assert silent.heartbeat_at == clock.from_us(0)


def test_the_dead_are_told_until_their_part_lives_again(tmp_path: Path) -> None:
    parts.signs(tmp_path, "web", lambda: None)
    folder = tmp_path / "parts"
    dead = folder / "scheduler.4194305"  # beyond the largest pid
    dead.write_text(str(clock.now_us()), encoding="ascii")

    before = [(part.name, part.alive) for part in parts.read(tmp_path)]
    parts.signs(tmp_path, "scheduler", lambda: None)

    assert before == [("scheduler", False), ("web", True)]
    assert [(part.name, part.alive) for part in parts.read(tmp_path)] == [
        ("scheduler", True), ("web", True),
    ]  # fmt: skip


def test_a_folder_that_cannot_be_had_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "parts").write_text("no folder", encoding="ascii")
    beats: list[int] = []

    parts.signs(tmp_path, "web", lambda: beats.append(1))()
    parts.end(tmp_path, "web")

    assert (beats, parts.read(tmp_path)) == ([1], [])
