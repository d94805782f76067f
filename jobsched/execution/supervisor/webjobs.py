"""The runs of web jobs: what a runner is told to start one, and the files that tell of it.

Where things lie, the variables and the ``status`` file are Kudu's (webjobs.md, sections 2, 3 and
5). The database stays the truth: what is written here is for those who read files.
"""

import json
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from jobsched import clock
from jobsched.errors import JobschedError
from jobsched.execution import regular, script
from jobsched.execution.protocol import Message
from jobsched.execution.runner.joblog import JobLog, LogOrder, verdict
from jobsched.execution.supervisor import webjobplaces
from jobsched.execution.supervisor.refusing import CannotStart
from jobsched.execution.webjob import hosts, launch, program
from jobsched.model import EndedBy, Run, WebJob, WebJobType
from jobsched.settings import Settings
from jobsched.storage import Store
from jobsched.webjobs import ports, runids
from jobsched.webjobs.appsettings import AppSettings
from jobsched.webjobs.causes import cause
from jobsched.webjobs.places import Site

OUTPUT, ERRORS, STATUS = "output_log.txt", "error_log.txt", "status"
CONTINUOUS = ("job_log.txt", "job_prev_log.txt", *(f"job_prev_log.{n}.txt" for n in (2, 3, 4)))
_GRACE: Mapping[WebJobType, float] = {WebJobType.CONTINUOUS: 5.0, WebJobType.TRIGGERED: 30.0}
_MARKS: Mapping[WebJobType, str] = {
    WebJobType.CONTINUOUS: "WEBSITE_ALWAYS_ON_JOB_RUNNING_",
    WebJobType.TRIGGERED: "WEBSITE_TRIGGERED_JOB_RUNNING_",
}
_PROGRAM = str(Path(program.__file__))
_INSTANCE = "WEBSITE_INSTANCE_ID"
_LATE = timedelta(hours=1)  # a run may have ended while there was no supervisor to settle it
_AT_ONCE = 500
_LONGEST_STATUS = 1 << 14  # bytes
_SHOWN = 6  # characters of an instance in logs
# What a runner says about an end before anybody else; of the others it has written nothing.
_UNTOLD = frozenset({EndedBy.NOT_STARTED, EndedBy.LOST})


@dataclass(frozen=True, slots=True, kw_only=True)
class WebJobRuns:
    """The runs of web jobs on this machine; *find* gives a web job by its job's uuid.

    *app* gives the app settings as they are now.
    """

    settings: Settings
    find: Callable[[str], WebJob | None]
    app: Callable[[], AppSettings]

    @property
    def site(self) -> Site:
        """Where everything lies."""
        return Site(self.settings.data_dir, self.settings.webjobs_root_path)

    def inherited(
        self, variables: Mapping[str, str], user: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Return what jobs inherit, with the app settings as they are now.

        *user* has the variables of another user as whom the job runs: his home is his own.
        """
        places = {"WEBROOT_PATH": str(self.site.wwwroot), _INSTANCE: self._node}
        home = user or {"HOME": str(self.site.root)}
        return {**variables, **home, **places, **self.app().values}

    def start(self, run: Run, env: Mapping[str, str], run_as: Message | None) -> Message:
        """Return what the start message of *run* says besides the usual, and make its folder.

        *env* is the environment that the run gets so far. Raises: CannotStart.
        """
        webjob = self._webjob(run)
        order = self._launch(run, webjob, env, run_as)
        webjobplaces.make_ready(self.site, webjob, run_as, CONTINUOUS)
        folder = self._folder(run, webjob)
        shutdown_file = self._shutdown_file(run, webjob)
        given = {**env, **self._variables(run, webjob, shutdown_file)}
        self._write_status(run, webjob, "Initializing")
        return {
            "kind": "launch",
            "argv": [sys.executable, "-I", "-S", _PROGRAM, *order.to_words()],
            "cwd": "/",
            # The launcher may be root: nothing that a job's owner sets may change what it does.
            "env": {launch.SEALED + name: value for name, value in given.items()},
            "timeout": run.policy.timeout or None,
            "idle_timeout": run.policy.idle_timeout or None,
            "grace": _GRACE[webjob.type] if run.policy.grace is None else run.policy.grace,
            "run_as": None,  # the launcher changes who it is once the copy is made
            "warm": False,
            "log": asdict(self._log(webjob, folder, env)),
            "shutdown_file": str(shutdown_file),
        }

    def running(self, run: Run) -> None:
        """Write that the process of *run* is there."""
        with suppress(JobschedError):  # the next word about it will be written
            webjob = self.find(run.job_id or "")
            if webjob is not None:
                self._write_status(run, webjob, "Running")

    def over(self, run: Run, wait: float | None = None) -> None:
        """Write how *run*, which is done, has ended; unless its files went with its folder.

        A continuous job is started again after *wait* seconds; None: at once, or not at all.
        """
        with suppress(JobschedError):
            webjob = self.find(run.job_id or "")
            if webjob is not None and run.ended_by is not None:
                self._write_end(run, webjob, wait)

    def complete(self, runs: Iterable[Run]) -> None:
        """Write the ends of those *runs*, all done, of which the files do not tell yet."""
        for run in runs:
            status = self.site.data(WebJobType.TRIGGERED, run.name) / runids.id_of(run.created_at)
            if not _tells_an_end(status / STATUS):
                self.over(run)

    def _write_end(self, run: Run, webjob: WebJob, wait: float | None) -> None:
        facts = {
            "ended_by": str(run.ended_by),
            "exit_code": run.exit_code,
            "signal": run.signal,
            "reason": run.reason,
        }
        log = JobLog(self._log(webjob, self._folder(run, webjob), {}))
        if run.ended_by in _UNTOLD or run.started_at is None:
            if run.ended_by is not EndedBy.LOST:
                log.begin()
            log.end(facts)
        if wait is not None:
            log.waiting(wait)
        self._write_status(run, webjob, verdict(facts)[0])

    # What is started

    def _webjob(self, run: Run) -> WebJob:
        webjob = self.find(run.job_id or "")
        if webjob is None:
            raise CannotStart("The folder of this web job is gone.")
        if webjob.script is None:
            raise CannotStart(webjob.error or "Its folder holds no script that can run.")
        return webjob

    def _launch(
        self, run: Run, webjob: WebJob, env: Mapping[str, str], run_as: Message | None
    ) -> launch.Launch:
        name, types = webjob.script or "", self.settings.script_types
        # What only is usual gives way: the folder of the job is closed to other users.
        asked = webjob.settings.get("is_in_place") is True
        in_place = webjob.in_place and (asked or run_as is None)
        try:
            command = hosts.command(Path(webjob.folder) / name, types, env.get("PATH"))
            arguments = hosts.split(_arguments(run))
        except (script.ScriptMissing, hosts.BadArguments) as error:
            raise CannotStart(str(error)) from error
        copies = None if in_place else str(self.site.copies(webjob.type, webjob.name))
        return launch.Launch(
            command=command,
            script=name,
            arguments=arguments,
            source=webjob.folder,
            copies=copies,
            run_as=run_as,
        )

    def _variables(self, run: Run, webjob: WebJob, shutdown_file: Path) -> dict[str, str]:
        continuous = webjob.type is WebJobType.CONTINUOUS
        data = self.site.data(webjob.type, webjob.name)
        variables = {
            "WEBJOBS_PATH": str(Path(webjob.folder, webjob.script or "").parent),
            "WEBJOBS_NAME": webjob.name,
            "WEBJOBS_TYPE": str(webjob.type),
            "WEBJOBS_DATA_PATH": str(data),
            "WEBJOBS_RUN_ID": "" if continuous else runids.id_of(run.created_at),
            "WEBJOBS_COMMAND_ARGUMENTS": _arguments(run),
            "WEBJOBS_SHUTDOWN_FILE": str(shutdown_file),
            # No variable can have this character in its name; any other it can.
            _MARKS[webjob.type] + webjob.name.replace("=", "_"): "true",
        }
        if continuous:
            variables["WEBJOBS_PORT"] = str(self._port(webjob.name))
        return variables

    def _port(self, name: str) -> int:
        try:
            return ports.choose(self.site, name, self.settings.node)
        except OSError as error:
            raise CannotStart(f"There is no free port for it: {error.strerror}.") from error

    # Files

    @property
    def _node(self) -> str:
        return self.settings.node

    def _folder(self, run: Run, webjob: WebJob) -> Path:
        """Return the folder with the logs of *run*."""
        data = self.site.data(webjob.type, webjob.name)
        if webjob.type is WebJobType.CONTINUOUS:
            return data
        return data / runids.id_of(run.created_at)

    def _shutdown_file(self, run: Run, webjob: WebJob) -> Path:
        """Return the path of the file that will ask *run* to end; remove what older runs left."""
        folder = self.site.shutdown(webjob.type, webjob.name)
        if run.policy.max_instances == 1:  # else another run may just be looking at its own
            _remove_all(folder, f"{self._node}.")
        # Another user passes through this folder; so that no third one does, the name is a secret.
        return folder / f"{self._node}.{run.id}.{run.claim}.{secrets.token_hex(8)}"

    def _log(self, webjob: WebJob, folder: Path, env: Mapping[str, str]) -> LogOrder:
        name = Path(webjob.script or "").name
        common: dict[str, Any] = {
            "instance": env.get(_INSTANCE, self._node)[:_SHOWN],
            "script": name,
            "host": hosts.host_of(name),
        }
        if webjob.type is WebJobType.TRIGGERED:
            output, errors = str(folder / OUTPUT), str(folder / ERRORS)
            collected = str(self.site.application_log) if self.app().logs_to_application else None
            return LogOrder(
                output=output,
                errors=errors,
                cap=self.settings.output_cap,
                collected=collected,
                name=webjob.name,
                **common,
            )
        output, *rolled = (str(folder / one) for one in CONTINUOUS)
        return LogOrder(
            output=output, rolled=tuple(rolled), first="Starting", stopped="Stopped", **common
        )

    def _write_status(self, run: Run, webjob: WebJob, word: str) -> None:
        """Write the ``status`` file of a triggered run: whole, or not at all."""
        if webjob.type is WebJobType.CONTINUOUS:
            return
        # As in the run's object: the moment of which its id is made, waiting included.
        moments = {"StartTime": run.created_at, "EndTime": run.ended_at}
        told = {"Trigger": _trigger(run, webjob), "Status": word} | {
            name: _iso(moment) for name, moment in moments.items() if moment is not None
        }
        path = self._folder(run, webjob) / STATUS
        with suppress(OSError):  # the row says the same
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            regular.replace(path, json.dumps(told).encode())


def settled_before(store: Store, node: str) -> Iterator[Run]:
    """Yield the runs that an earlier supervisor of *node* may have settled just before it died.

    One that left in order has taken its machine off the list. Raises: JobschedError (database).
    """
    found = [one for one in store.nodes.list() if one.name == node]
    for one in found:
        since = one.heartbeat_at - _LATE
        ids = store.webjobs.ended(node, clock.to_us(since))
        for begin in range(0, len(ids), _AT_ONCE):
            yield from store.runs.by_ids(ids[begin : begin + _AT_ONCE]).values()


def _tells_an_end(status: Path) -> bool:
    try:
        told = json.loads(regular.read(status, _LONGEST_STATUS))
    except (OSError, ValueError, RecursionError):  # the job may have written anything there
        return False
    return isinstance(told, dict) and "EndTime" in told


def _arguments(run: Run) -> str:
    given = run.params.get("arguments", "")
    return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)


def _remove_all(folder: Path, prefix: str) -> None:
    with suppress(OSError):
        for path in folder.iterdir():
            if path.name.startswith(prefix):
                path.unlink(missing_ok=True)


def _trigger(run: Run, webjob: WebJob) -> str:
    schedule = webjob.settings.get("schedule")
    return cause(run, {"cron": {"expression": schedule}} if isinstance(schedule, str) else None)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
