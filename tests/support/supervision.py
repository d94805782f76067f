"""A supervisor with real runners and a real store in a folder, driven turn by turn by a test."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from jobsched import catalog, clock
from jobsched.execution.runner import program
from jobsched.execution.supervisor import hosting
from jobsched.execution.supervisor.loop import Supervisor
from jobsched.execution.sweep import sweep
from jobsched.model import Run, RunState
from jobsched.settings import Settings
from jobsched.storage.newruns import NewRun
from tests.support.databases import migrated
from tests.support.processes import command_of, end_all, processes_of
from tests.support.waiting import until


class Site:
    """One data folder; scripts become tasks of the same name."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.folder = folder
        for name in ("conf", "tasks", "data"):
            (folder / name).mkdir(mode=0o700)
        source = "from jobsched.execution.script import RunScript\n"
        (folder / "tasks" / "runscript.py").write_text(source)
        (folder / "conf" / "catalog.cfg").write_text("")
        values: dict[str, Any] = {"node": "here", "capacity": 4, "grace": 0.5, **changes}
        self.settings = Settings(
            conf_dir=folder / "conf",
            tasks_dir=folder / "tasks",
            data_dir=folder / "data",
            **values,
        )
        self.store = migrated(self.settings.database_url)
        self.supervisor: Supervisor | None = None

    def script(self, name: str, body: str, **policy: str) -> None:
        """Add a script and the task that runs it; *policy* as ``jobsched.*`` keys."""
        (self.folder / "conf" / f"{name}.sh").write_text(f"#!/bin/sh\n{body}\n")
        keys = "".join(f"jobsched.{key} = {value}\n" for key, value in policy.items())
        section = f"[{name}]\nfile=runscript.py\nclass=RunScript\nscript={name}.sh\n{keys}\n"
        with (self.folder / "conf" / "catalog.cfg").open("a") as file:
            file.write(section)

    def queue(self, task: str, **changes: Any) -> int:
        """Queue a run of *task*; return its id."""
        new = NewRun(name=task, task=task, created_us=clock.now_us(), **changes)
        return self.store.runs.add(new).id

    def run(self, run_id: int) -> Run:
        """Return a run as its row has it."""
        run = self.store.runs.get(run_id)
        assert run is not None
        return run

    def start(self) -> Supervisor:
        """Start a supervisor."""
        tasks = catalog.load(self.settings.conf_dir, self.settings.tasks_dir)
        self.supervisor = Supervisor(self.settings, self.store, tasks)
        self.supervisor.begin()
        return self.supervisor

    def crash(self) -> None:
        """Leave the supervisor as a kill -9 would: its connections end, nothing is told."""
        assert self.supervisor is not None
        self.supervisor.close()
        self.supervisor = None

    def until(self, condition: Callable[[], Any], seconds: float = 10.0) -> Any:
        """Turn until *condition*, and return what it says."""

        def turned() -> Any:
            assert self.supervisor is not None
            self.supervisor.turn()
            return condition()

        return until(turned, seconds)

    def until_state(self, run_id: int, state: RunState, seconds: float = 10.0) -> Run:
        """Turn until a run is in *state*, and return it."""
        self.until(lambda: self.run(run_id).state is state, seconds)
        return self.run(run_id)

    def until_done(self, run_id: int, seconds: float = 10.0) -> Run:
        """Turn until a run is done, and return it."""
        return self.until_state(run_id, RunState.DONE, seconds)

    def kill_runners(self) -> None:
        """Kill every runner of this folder, also one that is just being born, and only those."""
        for process in processes_of(self.folder):
            with suppress(psutil.NoSuchProcess):
                if program.__file__ in command_of(process):
                    process.kill()

    def close(self) -> None:
        """End everything that was started here."""
        if self.supervisor is not None:
            self.supervisor.close()
        end_all(self.folder)
        data = self.settings.data_dir
        for name in hosting.known_runners(data, self.settings.node):
            sweep(hosting.testament(data, name))
        self.store.close()
