"""What a runner is told about a web job, and the files that tell of a run that had no runner."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobsched.catalog import WEB_JOB
from jobsched.errors import DatabaseBusy
from jobsched.execution.runner.joblog import LogOrder
from jobsched.execution.supervisor.refusing import CannotStart
from jobsched.execution.supervisor.webjobs import WebJobRuns
from jobsched.execution.webjob.launch import SEALED, Launch
from jobsched.model import EndedBy, Policy, RunState, WebJob, WebJobType
from jobsched.settings import Settings
from jobsched.webjobs.appsettings import AppSettings
from tests.support.values import run_of

MADE = datetime(2026, 11, 21, 18, 30, 7, 123_400, tzinfo=UTC)
ID = "202611211830071234"


@dataclass
class World:
    """A data folder and the one web job in it."""

    folder: Path
    webjob: WebJob | None
    app: Mapping[str, str] = field(default_factory=dict)

    @property
    def runs(self) -> WebJobRuns:
        settings = Settings(
            conf_dir=self.folder,
            tasks_dir=self.folder,
            data_dir=self.folder,
            node="machine-1",
            script_types={".sh": ("sh",)},
        )
        return WebJobRuns(
            settings=settings,
            find=lambda _: self.webjob,
            app=lambda: AppSettings(configured=settings, values=self.app),
        )

    @property
    def logs(self) -> Path:
        return self.folder / "data" / "jobs" / "triggered" / "hello" / ID


def webjob_of(folder: Path, **changes: Any) -> WebJob:
    values: dict[str, Any] = {
        "job_key": 1,
        "job_id": "uuid",
        "type": WebJobType.TRIGGERED,
        "name": "hello",
        "folder": str(folder / "hello"),
        "script": "run.sh",
        "settings": {},
        "error": None,
        "in_place": False,
        "disabled": False,
        "fingerprint": "",
        "inputs": "{}",
        "deployed_at": MADE,
    }
    return WebJob(**(values | changes))


def web_run(**changes: Any) -> Any:
    values = {"task": WEB_JOB, "job_id": "uuid", "name": "hello", "created_at": MADE, "claim": 1}
    return run_of(**(values | changes))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, webjob_of(tmp_path))


def test_the_launcher_is_told_what_to_become(world: World) -> None:
    run = web_run(params={"arguments": "a 'b c'"})

    user = {"uid": 1, "gid": 2, "groups": [2, 3], "name": "worker"}

    message = world.runs.start(run, {"PATH": "/bin", "A": "ü"}, user)

    order = Launch.from_words(message["argv"][4:])
    assert list(order.command) == ["/bin/sh"]
    assert order.script == "run.sh"
    assert order.arguments == ["a", "b c"]
    assert order.source == str(world.folder / "hello")
    assert order.copies == str(world.folder / "tmp" / "jobs" / "triggered" / "hello")
    assert order.run_as == user
    assert message["run_as"] is None


def test_variables_mean_nothing_to_the_launcher(world: World) -> None:
    message = world.runs.start(web_run(), {"PATH": "/bin", "LD_PRELOAD": "evil.so"}, None)

    assert all(name.startswith(SEALED) for name in message["env"])
    assert message["env"][f"{SEALED}LD_PRELOAD"] == "evil.so"


@pytest.mark.parametrize(
    ("kind", "given", "grace"),
    [
        (WebJobType.TRIGGERED, None, 30.0),
        (WebJobType.CONTINUOUS, None, 5.0),
        (WebJobType.CONTINUOUS, 0.0, 0.0),
        (WebJobType.TRIGGERED, 7.0, 7.0),
    ],
)
def test_the_grace_is_kudus_unless_the_job_says_another(
    world: World, kind: WebJobType, given: float | None, grace: float
) -> None:
    world.webjob = webjob_of(world.folder, type=kind)

    message = world.runs.start(web_run(policy=Policy(grace=given)), {"PATH": "/bin"}, None)

    assert message["grace"] == grace


def test_what_it_writes_is_collected_if_the_app_settings_say_so(world: World) -> None:
    def collected() -> str | None:
        message = world.runs.start(web_run(), {"PATH": "/bin"}, None)
        return LogOrder.from_message(message["log"]).collected

    assert collected() is None
    world.app = {"WEBJOBS_LOG_TRIGGERED_JOBS_TO_APP_LOGS": "1"}
    assert collected() == str(world.folder / "LogFiles" / "Application" / "webjobs.txt")


def test_a_continuous_job_has_one_log_that_rolls(world: World) -> None:
    world.webjob = webjob_of(world.folder, type=WebJobType.CONTINUOUS)

    order = LogOrder.from_message(world.runs.start(web_run(), {"PATH": "/bin"}, None)["log"])

    assert order.output.endswith("/data/jobs/continuous/hello/job_log.txt")
    assert order.errors is None
    assert order.cap is None
    assert order.roll_at * (1 + len(order.rolled)) == 5 * 10 * 2**20
    assert order.rolled[0].endswith("/job_prev_log.txt")


def test_the_instance_is_six_characters_of_the_node_or_of_its_setting(world: World) -> None:
    def instance(env: dict[str, str]) -> str:
        message = world.runs.start(web_run(), {"PATH": "/bin", **env}, None)
        return LogOrder.from_message(message["log"]).instance

    assert instance({}) == "machin"
    assert instance({"WEBSITE_INSTANCE_ID": "0123456789"}) == "012345"


def test_app_settings_count_before_what_is_inherited(world: World) -> None:
    world.app = {"LANG": "de", "MORE": "1"}

    inherited = world.runs.inherited({"LANG": "C", "HOME": "/root"})

    assert inherited["LANG"] == "de"
    assert inherited["MORE"] == "1"
    assert inherited["HOME"] == str(world.folder)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"script": None, "error": "Two worlds."}, "Two worlds."),
        ({"script": None}, "Its folder holds no script that can run."),
        ({"script": "run.rb"}, "nothing is known to run .rb files"),
    ],
)
def test_a_folder_without_something_to_run_says_why(
    world: World, changes: dict[str, Any], reason: str
) -> None:
    world.webjob = webjob_of(world.folder, **changes)

    with pytest.raises(CannotStart) as caught:
        world.runs.start(web_run(), {"PATH": "/bin"}, None)

    assert reason in caught.value.reason


def test_a_web_job_that_is_gone_cannot_start(world: World) -> None:
    world.webjob = None

    with pytest.raises(CannotStart, match="gone"):
        world.runs.start(web_run(), {"PATH": "/bin"}, None)


def test_old_shutdown_files_are_removed_at_the_next_start(world: World) -> None:
    folder = world.folder / "tmp" / "JobsShutdown" / "triggered" / "hello"
    folder.mkdir(parents=True)
    (folder / "machine-1.1.1").touch()
    (folder / "machine-2.1.1").touch()

    message = world.runs.start(web_run(id=7), {"PATH": "/bin"}, None)

    assert [path.name for path in folder.iterdir()] == ["machine-2.1.1"]
    assert re.fullmatch(r"machine-1\.7\.1\.[0-9a-f]{16}", Path(message["shutdown_file"]).name)
    assert Path(message["shutdown_file"]).parent == folder


def test_nor_are_those_of_runs_beside_it(world: World) -> None:
    folder = world.folder / "tmp" / "JobsShutdown" / "triggered" / "hello"
    folder.mkdir(parents=True)
    (folder / "machine-1.1.1").touch()

    world.runs.start(web_run(policy=Policy(max_instances=2)), {"PATH": "/bin"}, None)

    assert (folder / "machine-1.1.1").exists()


def test_the_status_file_follows_the_run(world: World) -> None:
    def said() -> Any:
        return json.loads((world.logs / "status").read_text())

    run = web_run(requested_by="anonymous")
    world.runs.start(run, {"PATH": "/bin"}, None)
    assert said() == {
        "Trigger": "External - anonymous",
        "Status": "Initializing",
        "StartTime": "2026-11-21T18:30:07.123400Z",
    }

    world.runs.running(run)
    assert said()["Status"] == "Running"
    assert said()["StartTime"] == "2026-11-21T18:30:07.123400Z"

    world.runs.over(ended(EndedBy.EXIT, exit_code=0))
    assert said()["Status"] == "Success"
    assert said()["EndTime"] == "2026-11-21T18:30:17.123400Z"
    assert sorted(path.name for path in world.logs.iterdir()) == ["status"]


def test_a_scheduled_run_names_its_schedule(world: World) -> None:
    world.webjob = webjob_of(world.folder, settings={"schedule": "0 */5 * * * *"})

    run = web_run(requested_by=None)
    world.runs.start(replace(run, due_at=run.created_at), {"PATH": "/bin"}, None)

    told = json.loads((world.logs / "status").read_text())["Trigger"]
    assert told == "Schedule - 0 0,5,10,15,20,25,30,35,40,45,50,55 * * * *"


def test_a_lost_run_gets_a_last_line_with_the_reason(world: World) -> None:
    world.logs.mkdir(parents=True)
    (world.logs / "output_log.txt").write_bytes(b"[half a line")

    world.runs.over(ended(EndedBy.LOST, reason="Its runner was killed."))

    text = (world.logs / "output_log.txt").read_text()
    assert text.startswith("[half a line\n[")
    assert "SYS INFO] Status changed to Aborted" in text
    assert "SYS ERR ] Job aborted (lost): Its runner was killed." in text
    assert json.loads((world.logs / "status").read_text())["Status"] == "Aborted"


def test_what_its_runner_has_told_is_not_told_again(world: World) -> None:
    world.runs.over(ended(EndedBy.TIMEOUT, reason="It ran longer than 5 s."))

    assert not (world.logs / "output_log.txt").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"Status": "Running"}'])
def test_a_status_that_tells_no_end_is_completed(world: World, text: str) -> None:
    world.logs.mkdir(parents=True)
    (world.logs / "status").write_text(text)

    world.runs.complete([ended(EndedBy.EXIT, exit_code=3)])

    assert json.loads((world.logs / "status").read_text())["Status"] == "Failed"


def test_one_that_does_stays_as_it_is(world: World) -> None:
    world.logs.mkdir(parents=True)
    text = '{"Status": "Success", "EndTime": "2026-11-21T18:30:17.123400Z"}'
    (world.logs / "status").write_text(text)

    world.runs.complete([ended(EndedBy.EXIT, exit_code=3)])

    assert (world.logs / "status").read_text() == text


def test_a_deleted_web_job_gets_no_folder_again(world: World) -> None:
    world.webjob = None

    world.runs.running(web_run())
    world.runs.over(ended(EndedBy.LOST))

    assert not (world.folder / "data").exists()


def test_trouble_with_the_database_costs_no_more_than_the_files(world: World) -> None:
    def busy(_: str) -> WebJob | None:
        raise DatabaseBusy("busy")

    runs = WebJobRuns(settings=world.runs.settings, find=busy, app=world.runs.app)

    runs.running(web_run())
    runs.over(ended(EndedBy.LOST))

    assert not (world.folder / "data").exists()


def ended(ended_by: EndedBy, **changes: Any) -> Any:
    end = MADE + timedelta(seconds=10)
    facts = {"state": RunState.DONE, "ended_by": ended_by, "ended_at": end, "started_at": MADE}
    return web_run(**(facts | changes))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["status", "status.new"])
def test_a_named_pipe_in_the_folder_of_a_run_holds_nobody_up(world: World, name: str) -> None:
    world.logs.mkdir(parents=True)
    os.mkfifo(world.logs / name)

    world.runs.complete([web_run(state=RunState.DONE, ended_by=EndedBy.EXIT, exit_code=0)])

    assert json.loads((world.logs / "status").read_text())["Status"] == "Success"


@pytest.mark.parametrize("name", ["status", "status.new"])
def test_a_link_in_the_folder_of_a_run_is_not_written_through(
    world: World, tmp_path: Path, name: str
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    world.logs.mkdir(parents=True)
    (world.logs / name).symlink_to(victim)

    world.runs.over(web_run(state=RunState.DONE, ended_by=EndedBy.EXIT, exit_code=0))

    assert victim.read_text() == "kept"
    assert not (world.logs / "status").is_symlink()


def test_a_link_in_place_of_the_folder_of_a_run_gets_no_status(
    world: World, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    world.logs.parent.mkdir(parents=True)
    world.logs.symlink_to(elsewhere)

    world.runs.over(web_run(state=RunState.DONE, ended_by=EndedBy.EXIT, exit_code=0))

    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("text", ["[" * 16_000, "\x00", "[]", '{"EndTime": ' + "9" * 20_000 + "}"])
def test_a_status_that_a_job_has_written_is_no_trouble(world: World, text: str) -> None:
    world.logs.mkdir(parents=True)
    (world.logs / "status").write_text(text)

    world.runs.complete([web_run(state=RunState.DONE, ended_by=EndedBy.EXIT, exit_code=0)])

    assert json.loads((world.logs / "status").read_text())["Status"] == "Success"


@pytest.mark.parametrize("kind", WebJobType)
def test_the_mark_of_a_job_has_a_name_that_a_variable_can_have(
    world: World, kind: WebJobType
) -> None:
    world.webjob = webjob_of(world.folder, name="eq=1 ü?", type=kind)

    variables = world.runs.start(web_run(name="eq=1 ü?"), {"PATH": "/bin"}, None)["env"]

    assert not any("=" in name for name in variables)
    assert any(name.endswith("_RUNNING_eq_1 ü?") for name in variables)
    assert variables[f"{SEALED}WEBJOBS_NAME"] == "eq=1 ü?"
