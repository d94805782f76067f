"""Continuous web jobs: their surroundings, their rolled log, stops and new starts in it."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from jobsched.clock import now_us
from jobsched.model import EndedBy, Job, Policy, WebJobType
from jobsched.webjobs import ports
from tests.support.supervision import Site
from tests.support.webjobruns import add_webjob, folders, lines, written

FACTS = """\
import json, os, time
print(json.dumps({name: os.environ[name] for name in os.environ if name.startswith("WEB")}))
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.close()


def add(site: Site, name: str, script: str, text: str, grace: float = 5.0) -> Job:
    return add_webjob(site, name, {script: text}, WebJobType.CONTINUOUS, Policy(grace=grace))


def log_of(site: Site, name: str) -> Path:
    return folders(site).data(WebJobType.CONTINUOUS, name) / "job_log.txt"


def sizes_of(folder: Path) -> Iterator[int]:
    for path in folder.glob("job*.txt"):
        with suppress(FileNotFoundError):
            yield path.stat().st_size


def content_of(path: Path) -> bytes:
    with suppress(FileNotFoundError):
        return path.read_bytes()
    return b""


def says(site: Site, name: str, text: str, seconds: float = 10.0) -> list[tuple[str, str]]:
    """Turn until the log of a job has *text* in a whole line; return its lines."""
    log = log_of(site, name)

    def said() -> bool:
        return log.exists() and any(text in line for line in log.read_text().splitlines())

    site.until(said, seconds)
    return lines(log)


def test_the_variables_of_a_continuous_run(site: Site) -> None:
    add(site, "always", "run.py", FACTS)
    site.start()

    says(site, "always", "ready")

    facts = json.loads(written(log_of(site, "always"))[0])
    assert facts["WEBJOBS_TYPE"] == "continuous"
    assert facts["WEBJOBS_RUN_ID"] == ""
    assert facts["WEBJOBS_SHUTDOWN_FILE"]
    assert int(facts["WEBJOBS_PORT"]) == ports.port_of(folders(site), "always", "here")
    assert facts["WEBSITE_ALWAYS_ON_JOB_RUNNING_always"] == "true"


def test_W11_the_app_settings_count_for_what_ended_during_a_crash(site: Site) -> None:
    add(site, "lives", "run.sh", "exec sleep 600\n")
    site.store.switches.put("app_settings", {"WEBJOBS_RESTART_TIME": "33"})
    site.start()
    says(site, "lives", "Running")
    site.crash()
    site.kill_runners()

    site.start()

    assert ("SYS INFO", "Process went down, waiting for 33 seconds") in says(
        site, "lives", "PendingRestart"
    )


def test_an_end_and_the_wait_after_it_are_told(site: Site) -> None:
    add(site, "ends", "run.sh", "echo once\n")
    site.store.switches.put("app_settings", {"WEBJOBS_RESTART_TIME": "33"})
    site.start()

    found = says(site, "ends", "PendingRestart")

    assert found == [
        ("SYS INFO", "Status changed to Starting"),
        ("SYS INFO", "Run script 'run.sh' with script host - 'BashScriptHost'"),
        ("SYS INFO", "Status changed to Running"),
        ("INFO", "once"),
        ("SYS INFO", "Status changed to Success"),
        ("SYS INFO", "Process went down, waiting for 33 seconds"),
        ("SYS INFO", "Status changed to PendingRestart"),
    ]


def test_one_that_cannot_start_says_so_in_its_log(site: Site) -> None:
    add(site, "windows", "run.cmd", "echo hello\n")
    site.start()

    found = says(site, "windows", "PendingRestart")

    assert ("SYS INFO", "Status changed to Failed") in found
    assert any("SCRIPT_TYPES['.cmd']" in text for level, text in found if level == "SYS ERR ")


def test_a_stop_begins_with_the_shutdown_file_and_is_told(site: Site) -> None:
    script = 'echo ready; until [ -e "$WEBJOBS_SHUTDOWN_FILE" ]; do sleep 0.1; done; echo bye\n'
    job = add(site, "polite", "run.sh", script, grace=10.0)
    site.start()
    says(site, "polite", "ready")

    [service] = site.store.services.of_jobs([job.key])[job.key]
    assert service.run_id is not None
    site.store.runs.request_stop(service.run_id, EndedBy.STOP, "stopped by me", now_us())

    found = says(site, "polite", "Status changed to Stopped", seconds=20)
    assert ("INFO", "bye") in found
    assert ("SYS WARN", "Stopping (stop): stopped by me") in found


def test_a_flood_is_rolled_and_slows_no_other_run(site: Site) -> None:
    add(site, "flood", "run.sh", "yes 0123456789\n", grace=0.1)
    add(site, "calm", "run.sh", "for i in 1 2 3 4 5 6; do echo $i; sleep 0.2; done; sleep 600\n")
    site.start()
    folder = log_of(site, "flood").parent

    site.until((folder / "job_prev_log.4.txt").exists, 60)
    found = says(site, "calm", "INFO] 6", seconds=10)

    assert [text for level, text in found if level == "INFO"] == [*"123456"]
    # The flood goes on: while its files change names, one of them is missing for a moment.
    sizes = site.until(lambda: [*sizes_of(folder)] if len([*sizes_of(folder)]) == 5 else None)
    assert max(sizes) <= 10 * 2**20
    text = site.until(lambda: content_of(folder / "job_prev_log.txt"))
    assert text.startswith(b"[")
    assert text.endswith(b"0123456789\r\n")
