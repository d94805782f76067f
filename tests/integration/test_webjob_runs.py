"""Runs of web jobs: scripts of several languages, their surroundings, their logs."""

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobsched.execution.processes import all_processes
from jobsched.model import EndedBy, Outcome, Policy, RunState, WebJobType
from jobsched.webjobs import runids
from tests.support.supervision import Site
from tests.support.webjobruns import (
    add_webjob,
    folders,
    lines,
    queue_run,
    run_folder,
    status_of,
    written,
)

ECHO = {
    "run.sh": 'printf "%s\\n" "$@"\n',
    "run.py": "import sys\nfor text in sys.argv[1:]: print(text)\n",
    "run.js": "process.argv.slice(2).forEach((text) => console.log(text));\n",
}
FACTS = {
    "run.py": """\
import json, os
names = [name for name in os.environ if name.startswith(("WEB", "HOME", "MY_", "JOBSCHED_"))]
print(json.dumps({"cwd": os.getcwd(), **{name: os.environ[name] for name in names}}))
"""
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.close()


def facts_of(site: Site, run_id: int) -> dict[str, str]:
    """Return what the script of FACTS said about its surroundings."""
    run = site.until_done(run_id)
    assert run.outcome is Outcome.SUCCEEDED, run.reason
    said: dict[str, str] = json.loads(written(run_folder(site, run) / "output_log.txt")[0])
    return said


def test_a_good_run_is_logged_as_kudu_does(site: Site) -> None:
    job = add_webjob(site, "hello", {"run.sh": "echo one; echo two\n"})
    site.start()

    run = site.until_done(queue_run(site, job))

    assert run.outcome is Outcome.SUCCEEDED, run.reason
    assert lines(run_folder(site, run) / "output_log.txt") == [
        ("SYS INFO", "Status changed to Initializing"),
        ("SYS INFO", "Run script 'run.sh' with script host - 'BashScriptHost'"),
        ("SYS INFO", "Status changed to Running"),
        ("INFO", "one"),
        ("INFO", "two"),
        ("SYS INFO", "Status changed to Success"),
    ]
    assert not (run_folder(site, run) / "error_log.txt").exists()
    assert status_of(site, run)["Status"] == "Success"


@pytest.mark.parametrize("script", [*ECHO])
def test_each_language_runs_and_hears_its_arguments(site: Site, script: str) -> None:
    if script == "run.js" and shutil.which("node") is None:
        pytest.skip("node is not installed here")
    job = add_webjob(site, "Größen-é", {script: ECHO[script]})
    site.start()

    run = site.until_done(queue_run(site, job, "one 'zwei Wörter' \"tröis €\""))

    assert run.outcome is Outcome.SUCCEEDED, run.reason
    said = written(run_folder(site, run) / "output_log.txt")
    assert said == ["one", "zwei Wörter", "tröis €"]


def test_a_failure_is_logged_with_its_code_and_its_errors(site: Site) -> None:
    job = add_webjob(site, "bad", {"run.sh": "echo out; echo broken >&2; exit 3\n"})
    site.start()

    run = site.until_done(queue_run(site, job))

    assert run.exit_code == 3
    folder = run_folder(site, run)
    assert lines(folder / "error_log.txt") == [("ERR ", "broken")]
    found = lines(folder / "output_log.txt")
    assert ("ERR ", "broken") in found
    assert found[-2:] == [
        ("SYS INFO", "Status changed to Failed"),
        ("SYS ERR ", "Job failed due to exit code 3"),
    ]
    assert status_of(site, run)["Status"] == "Failed"


def test_the_raw_output_is_kept_beside_the_log(site: Site) -> None:
    job = add_webjob(site, "raw", {"run.sh": "printf 'a\\r\\nb'\n"})
    site.start()

    run = site.until_done(queue_run(site, job))

    assert run.out_bytes == 4
    assert written(run_folder(site, run) / "output_log.txt") == ["a", "b"]


# Surroundings


def test_the_variables_of_a_triggered_run(site: Site) -> None:
    job = add_webjob(site, "facts", FACTS, policy=Policy(env={"MY_OWN": "1"}))
    site.store.switches.put("app_settings", {"MY_SETTING": "ü", "MY_OWN": "0"})
    site.start()
    run_id = queue_run(site, job, "a  'b'")

    facts = facts_of(site, run_id)

    run, root = site.run(run_id), folders(site)
    assert facts["WEBJOBS_PATH"] == facts["cwd"]
    assert Path(facts["cwd"]).parent == root.copies(WebJobType.TRIGGERED, "facts")
    assert facts["WEBJOBS_NAME"] == "facts"
    assert facts["WEBJOBS_TYPE"] == "triggered"
    assert facts["WEBJOBS_DATA_PATH"] == str(root.data(WebJobType.TRIGGERED, "facts"))
    assert facts["WEBJOBS_RUN_ID"] == runids.id_of(run.created_at)
    assert facts["WEBJOBS_COMMAND_ARGUMENTS"] == "a  'b'"
    assert not Path(facts["WEBJOBS_SHUTDOWN_FILE"]).exists()
    assert "WEBJOBS_PORT" not in facts
    assert facts["WEBROOT_PATH"] == str(root.wwwroot)
    assert facts["HOME"] == str(root.root)
    assert facts["WEBSITE_TRIGGERED_JOB_RUNNING_facts"] == "true"
    assert facts["MY_SETTING"] == "ü"
    assert facts["MY_OWN"] == "1"
    assert facts["JOBSCHED_RUN_ID"] == str(run_id)
    assert "JOBSCHED_CONTROL_FD" not in facts


def test_app_settings_are_read_at_each_start(site: Site) -> None:
    job = add_webjob(site, "facts", FACTS)
    site.start()
    assert "MY_SETTING" not in facts_of(site, queue_run(site, job))

    site.store.switches.put("app_settings", {"MY_SETTING": "new"})

    assert facts_of(site, queue_run(site, job))["MY_SETTING"] == "new"


def test_in_place_a_script_runs_in_its_own_folder(site: Site) -> None:
    job = add_webjob(site, "here", {"inner/run.py": FACTS["run.py"]}, in_place=True)
    site.start()

    facts = facts_of(site, queue_run(site, job))

    folder = folders(site).folder(WebJobType.TRIGGERED, "here") / "inner"
    assert facts["cwd"] == facts["WEBJOBS_PATH"] == str(folder)
    assert not folders(site).copies(WebJobType.TRIGGERED, "here").exists()


def test_the_working_folder_is_that_of_the_script(site: Site) -> None:
    files = {"inner/run.sh": "cat data.txt; pwd\n", "inner/data.txt": "x\n"}
    job = add_webjob(site, "inner", files)
    site.start()

    run = site.until_done(queue_run(site, job))

    data, folder = written(run_folder(site, run) / "output_log.txt")
    assert data == "x"
    assert folder.endswith("/inner")


def test_a_change_of_the_folder_makes_a_new_copy_and_is_told(site: Site) -> None:
    job = add_webjob(site, "copied", {"run.sh": "pwd\n"})
    site.start()
    first = site.until_done(queue_run(site, job))
    again = site.until_done(queue_run(site, job))
    script = folders(site).folder(WebJobType.TRIGGERED, "copied") / "run.sh"
    script.write_text("pwd; echo new\n")

    changed = site.until_done(queue_run(site, job))

    [folder], [same] = (written(run_folder(site, one) / "output_log.txt") for one in (first, again))
    log = run_folder(site, changed) / "output_log.txt"
    assert folder == same != written(log)[0]
    assert written(log)[1] == "new"
    level, text = lines(log)[2]
    assert level == "SYS INFO"
    assert text.startswith("Job directory change detected: Job file 'run.sh' timestamp differs")


def test_nothing_of_the_launcher_stays_behind(site: Site, tmp_path: Path) -> None:
    script = f"echo $$ $PPID > {tmp_path}/pids; exec sleep 600\n"
    job = add_webjob(site, "alone", {"run.sh": script})
    site.start()
    run_id = queue_run(site, job)
    pids = tmp_path / "pids"

    site.until(lambda: pids.exists() and pids.read_text().endswith("\n"))

    main, parent = map(int, pids.read_text().split())
    assert "runner" in Path(f"/proc/{parent}/cmdline").read_text()
    assert [one.pid for one in all_processes().values() if one.session == main] == [main]
    assert site.until_state(run_id, RunState.RUNNING)


def test_the_signals_and_descriptors_of_a_script_are_as_usual(site: Site) -> None:
    script = "grep SigIgn /proc/$$/status; ls /proc/$$/fd\n"
    job = add_webjob(site, "clean", {"run.sh": script})
    site.start()

    run = site.until_done(queue_run(site, job))

    ignored, *descriptors = written(run_folder(site, run) / "output_log.txt")
    mask = int(ignored.split()[1], 16)
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGTERM, signal.SIGXFSZ):
        assert not mask >> (number - 1) & 1
    low = sorted(int(number) for number in descriptors if int(number) < 200)
    assert low == [0, 1, 2]


# What cannot start


def test_a_missing_interpreter_fails_the_run_at_once_and_says_what_to_do(site: Site) -> None:
    job = add_webjob(site, "windows", {"run.cmd": "echo hello\n"})
    site.start()

    run = site.until_done(queue_run(site, job))

    assert run.ended_by is EndedBy.NOT_STARTED
    assert run.reason is not None
    assert "set SCRIPT_TYPES['.cmd'] in jobsched.cfg" in run.reason
    assert lines(run_folder(site, run) / "output_log.txt")[1:] == [
        ("SYS INFO", "Run script 'run.cmd' with script host - 'WindowsScriptHost'"),
        ("SYS INFO", "Status changed to Failed"),
        ("SYS ERR ", run.reason),
    ]
    assert status_of(site, run)["Status"] == "Failed"


def test_a_configured_command_runs_scripts_of_windows(tmp_path: Path) -> None:
    site = Site(tmp_path, script_types={".cmd": ("sh",)})
    job = add_webjob(site, "windows", {"run.cmd": "echo hello $1\n"})
    site.start()

    run = site.until_done(queue_run(site, job, "you"))

    assert written(run_folder(site, run) / "output_log.txt") == ["hello you"]
    site.close()


def test_arguments_with_an_open_quote_are_the_reason(site: Site) -> None:
    job = add_webjob(site, "quoted", {"run.sh": "true\n"})
    site.start()

    run = site.until_done(queue_run(site, job, "say 'hello"))

    assert run.ended_by is EndedBy.NOT_STARTED
    assert run.reason == "The arguments cannot be taken apart: no closing quotation: say 'hello"


def test_a_folder_that_cannot_be_copied_is_the_reason(site: Site) -> None:
    job = add_webjob(site, "gone", {"run.sh": "true\n"})
    shutil.rmtree(folders(site).folder(WebJobType.TRIGGERED, "gone"))
    site.start()

    run = site.until_done(queue_run(site, job))

    assert run.outcome is Outcome.FAILED
    assert run.reason is not None
    assert run.reason.startswith("Failed to copy job files from ")
    assert ("SYS ERR ", run.reason) in lines(run_folder(site, run) / "output_log.txt")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run jobs as others")
def test_another_user_runs_a_copy_that_is_his() -> None:
    with open_folder() as folder:
        site = Site(folder)
        site.settings.data_dir.chmod(0o711)
        script = "id -un; echo >> run.sh && cat secret\n"
        files = {"run.sh": script, "secret": "of the server\n"}
        job = add_webjob(site, "other", files, policy=other())
        (folders(site).folder(WebJobType.TRIGGERED, "other") / "secret").chmod(0o600)
        site.start()

        run = site.until_done(queue_run(site, job))

        said = written(run_folder(site, run) / "output_log.txt")
        assert said == ["nobody", "of the server"]
        site.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run jobs as others")
def test_one_who_cannot_read_the_copy_is_told_so(site: Site) -> None:
    job = add_webjob(site, "other", {"run.sh": "true\n"}, policy=other())
    site.start()

    run = site.until_done(queue_run(site, job))

    assert run.outcome is Outcome.FAILED
    assert run.reason is not None
    assert "cannot be read by nobody, as whom it runs: Permission denied" in run.reason


def other() -> Policy:
    return Policy(run_as="nobody")


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder below /tmp through which other users get."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o711)
        yield Path(name)
