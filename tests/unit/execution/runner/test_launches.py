"""What the log says while a launcher works, and long after it has become the script."""

from pathlib import Path
from typing import Any, cast

import pytest

from jobsched.execution.protocol import StartRequest
from jobsched.execution.runner import launches
from jobsched.execution.runner.children import Children
from jobsched.execution.runner.hosted import Hosted
from jobsched.execution.runner.launches import Launches
from jobsched.execution.runner.lifecycle import Lifecycle
from jobsched.execution.runner.loop import Loop

NOTHING = cast(Any, None)


class Heard(Launches):
    """Launches of which a test is the launcher."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop, cast(Children, NOTHING), cast(Lifecycle, NOTHING))

    def hear(self, run: Hosted, **message: str) -> None:
        self._hear(run, message)


def hosted(folder: Path, **log: Any) -> Hosted:
    order = {"output": str(folder / "log"), "instance": "i", "script": "run.sh", "host": "H", **log}
    request = StartRequest(
        run=1, claim=1, argv=["x"], cwd="/", env={}, path=str(folder / "1.1"), cookie="c", log=order
    )
    return Hosted(request, 0.0, 0)


def texts(folder: Path) -> list[str]:
    lines = (folder / "log").read_text().splitlines()
    return [line.partition("] ")[2] for line in lines]


def test_what_the_launcher_says_stands_in_the_log(tmp_path: Path) -> None:
    loop = Loop()
    run = hosted(tmp_path)

    Heard(loop).hear(run, op="says", text="Job directory change detected.")
    Heard(loop).hear(run, op="begins")

    assert texts(tmp_path) == ["Job directory change detected.", "Status changed to Running"]
    loop.close()


def test_why_it_failed_becomes_the_reason(tmp_path: Path) -> None:
    loop = Loop()
    run = hosted(tmp_path)

    Heard(loop).hear(run, op="failed", reason="No space.")

    assert run.note == "No space."
    loop.close()


@pytest.mark.parametrize(("log", "signs"), [({"rolled": ["/nowhere/prev"]}, 2), ({}, 0)])
def test_a_continuous_job_gives_signs_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: dict[str, Any], signs: int
) -> None:
    monkeypatch.setattr(launches, "_FIRST_SIGN", 0.001)
    monkeypatch.setattr(launches, "_NEXT_SIGN", 0.001)
    loop = Loop()
    Heard(loop).hear(hosted(tmp_path, **log), op="begins")

    for _ in range(3):
        loop.at(loop.now + 0.002, "awake", lambda: None)
        loop.turn()

    assert texts(tmp_path).count("WebJob is still running") >= signs
    assert ("WebJob is still running" in texts(tmp_path)) == bool(signs)
    loop.close()
