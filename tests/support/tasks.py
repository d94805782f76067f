"""Runs of Python tasks, asked of a real runner in the way a supervisor does."""

import sys
from pathlib import Path
from typing import Any

from jobsched.execution import processes
from jobsched.execution.output import Output
from jobsched.execution.protocol import Message, unpack
from tests.support.runner import RunnerClient

PROGRAM = str(Path(processes.__file__).parent / "task" / "program.py")
TASKS = """
import os, subprocess, sys, time

class Task:
    def __init__(self, **arguments):
        self.calls = 0
        if arguments.get("broken"):
            raise ValueError("made to fail")
        if arguments.get("hanging"):
            time.sleep(600)

    def __call__(self, info):
        self.calls += 1
        do = info.params.get("do", "")
        print("call", self.calls, "of", os.getpid(), "run", info.run_id)
        print("to err", file=sys.stderr)
        exec(do, {"info": info, "os": os, "sys": sys, "time": time, "subprocess": subprocess})
"""


class Tasks:
    """Starts task runs in the same way as a supervisor does."""

    def __init__(self, runner: RunnerClient, tasks_dir: Path) -> None:
        self.runner = runner
        self.tasks_dir = tasks_dir

    def start(
        self, run: int, do: str = "", arguments: dict[str, str] | None = None, **options: Any
    ) -> None:
        task = {
            "name": "a",
            "file": "a.py",
            "class": "Task",
            "arguments": arguments or {},
            "tasks_dir": str(self.tasks_dir),
            "livetime": 60,
        }
        info = {"job_id": "j", "timeout": 60, "run_id": run, "attempt": 1, "params": {"do": do}}
        self.runner.start(
            run, sys.executable, PROGRAM, kind="task", task=task, info=info, **options
        )

    def run(self, run: int, do: str = "", **options: Any) -> Message:
        self.start(run, do, **options)
        return self.runner.receive("ended", run, seconds=20)

    def output(self, ended: Message) -> tuple[str, str]:
        """Return what a run wrote, wherever it is kept."""
        files = Output.in_files(self.runner.folder / "runs" / f"{ended['run']}.1")
        out = unpack(ended["out"]) or files.read("out")
        err = unpack(ended["err"]) or files.read("err")
        return out.decode(), err.decode()
