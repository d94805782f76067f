"""How runs of web jobs end: stops, limits, crashes; and what the logs say of it."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsched import clock
from jobsched.execution.processes import all_processes, cookie_of
from jobsched.execution.runner import program
from jobsched.model import EndedBy, Job, Outcome, Policy, Run, RunState
from tests.support.processes import command_of, processes_of
from tests.support.supervision import Site
from tests.support.waiting import until
from tests.support.webjobruns import (
    add_webjob,
    lines,
    queue_run,
    run_folder,
    status_of,
    written,
)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.close()


def says(site: Site, run_id: int, text: str) -> Run:
    """Turn until a run has written *text*."""
    log = run_folder(site, site.run(run_id)) / "output_log.txt"
    site.until(lambda: log.exists() and text.encode() in log.read_bytes())
    return site.run(run_id)


def stop(site: Site, run_id: int) -> Run:
    """Stop a run as a user does, and wait for its end."""
    reason = "stopped by me: enough"
    site.store.runs.request_stop(run_id, EndedBy.STOP, reason, 0)
    return site.until_done(run_id, seconds=20)


def log_of(site: Site, run: Run) -> list[tuple[str, str]]:
    return lines(run_folder(site, run) / "output_log.txt")


# Stops

HEEDS = """\
echo ready
while [ ! -e "$WEBJOBS_SHUTDOWN_FILE" ]; do sleep 0.1; done
cat "$WEBJOBS_SHUTDOWN_FILE"
echo; echo cleaned up
exit 7
"""


def test_a_run_may_end_in_its_own_way_by_its_shutdown_file(site: Site) -> None:
    job = add_webjob(site, "polite", {"run.sh": HEEDS}, policy=Policy(grace=10.0))
    site.start()
    run_id = queue_run(site, job)
    says(site, run_id, "ready")

    run = stop(site, run_id)

    said = written(run_folder(site, run) / "output_log.txt")
    assert said[-1] == "cleaned up"
    assert said[1][:4].isdigit()
    assert said[1].endswith("Z")
    assert run.exit_code == 7
    assert run.outcome is Outcome.STOPPED


def test_who_handles_the_signal_gets_it_at_once(site: Site) -> None:
    script = """\
import os, pathlib, signal, sys, time
def stop(*_):
    print("file", pathlib.Path(os.environ["WEBJOBS_SHUTDOWN_FILE"]).exists(), flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
time.sleep(600)
"""
    job = add_webjob(site, "handler", {"run.py": script}, policy=Policy(grace=60.0))
    site.start()
    run_id = queue_run(site, job)
    says(site, run_id, "ready")

    run = stop(site, run_id)

    assert run.ended_at is not None
    assert written(run_folder(site, run) / "output_log.txt") == ["ready", "file True"]


def test_who_heeds_neither_is_killed_with_its_whole_tree(site: Site) -> None:
    script = "trap '' TERM; echo ready; setsid sleep 600 & sleep 600; sleep 600\n"
    job = add_webjob(site, "deaf", {"run.sh": script}, policy=Policy(grace=1.0))
    site.start()
    run_id = queue_run(site, job)
    says(site, run_id, "ready")

    run = stop(site, run_id)

    assert run.signal == signal.SIGKILL
    assert not_left(site)
    assert log_of(site, run)[-3:] == [
        ("SYS WARN", "Stopping (stop): stopped by me: enough"),
        ("SYS INFO", "Status changed to Aborted"),
        ("SYS ERR ", "Job aborted (stop): stopped by me: enough"),
    ]
    assert status_of(site, run)["Status"] == "Aborted"


def test_the_server_s_stop_begins_with_the_file_too(site: Site) -> None:
    job = add_webjob(site, "polite", {"run.sh": HEEDS}, policy=Policy(grace=10.0))
    supervisor = site.start()
    run_id = queue_run(site, job)
    says(site, run_id, "ready")

    supervisor.stop_all(EndedBy.SHUTDOWN, "The server was stopped.")

    run = site.until_done(run_id, seconds=20)
    assert "cleaned up" in written(run_folder(site, run) / "output_log.txt")
    assert ("SYS WARN", "Stopping (shutdown): The server was stopped.") in log_of(site, run)


# Limits


def limited(seconds: float) -> Policy:
    return Policy(grace=1.0, idle_timeout=seconds)


def test_W14_an_idle_run_is_aborted(site: Site) -> None:
    job = add_webjob(site, "idle", {"run.sh": "sleep 100\n"}, policy=limited(2.0))
    site.start()

    run = site.until_done(queue_run(site, job), seconds=20)

    assert run.ended_by is EndedBy.IDLE
    assert status_of(site, run)["Status"] == "Aborted"
    level, text = log_of(site, run)[-1]
    assert level == "SYS ERR "
    assert text == (
        "Job aborted (idle): Neither output nor CPU time for 2 s. WEBJOBS_IDLE_TIMEOUT, or "
        "idle_timeout in settings.job, changes this limit."
    )


@pytest.mark.parametrize(
    "busy",
    [
        "for i in 1 2 3 4; do echo $i; sleep 1; done",
        "timeout 4 sh -c 'while :; do :; done'",
        "setsid timeout 4 sh -c 'while :; do :; done' & sleep 4",
        "(timeout 4 sh -c 'while :; do :; done' &) ; sleep 4",
    ],
    ids=["output", "child", "session", "orphan"],
)
def test_W14_a_busy_one_is_not(site: Site, busy: str) -> None:
    job = add_webjob(site, "busy", {"run.sh": f"{busy}\ntrue\n"}, policy=limited(2.0))
    site.start()

    run = site.until_done(queue_run(site, job), seconds=30)

    assert run.outcome is Outcome.SUCCEEDED, run.reason


def test_a_time_limit_is_told_with_its_setting(site: Site) -> None:
    policy = Policy(grace=0.2, timeout=0.5)
    job = add_webjob(site, "slow", {"run.sh": "sleep 100\n"}, policy=policy)
    site.start()

    run = site.until_done(queue_run(site, job))

    assert ("SYS WARN", "Stopping (timeout): It ran longer than 0.5 s.") in log_of(site, run)
    assert "timeout in settings.job" in log_of(site, run)[-1][1]


# Crashes

COUNTS = "echo ready; sleep 2; echo done; exit 5\n"


def begun(site: Site, job: Job) -> int:
    run_id = queue_run(site, job)
    says(site, run_id, "ready")
    site.until_state(run_id, RunState.RUNNING)
    return run_id


def test_W45_an_adopted_run_goes_on_logging_and_ends_with_its_result(site: Site) -> None:
    job = add_webjob(site, "adopted", {"run.sh": COUNTS})
    site.start()
    run_id = begun(site, job)
    assert status_of(site, site.run(run_id))["Status"] == "Running"

    site.crash()
    log = run_folder(site, site.run(run_id)) / "output_log.txt"
    until(lambda: b"done" in log.read_bytes())
    site.start()

    run = site.until_done(run_id)
    assert run.exit_code == 5
    assert log_of(site, run)[-1] == ("SYS ERR ", "Job failed due to exit code 5")
    assert status_of(site, run)["Status"] == "Failed"


def test_W45_a_run_whose_runner_died_is_aborted_with_the_reason(site: Site) -> None:
    job = add_webjob(site, "lost", {"run.sh": "echo ready; printf half; sleep 600\n"})
    site.start()
    run_id = begun(site, job)
    says(site, run_id, "half")

    site.kill_runners()

    run = site.until_done(run_id)
    assert run.ended_by is EndedBy.LOST
    assert log_of(site, run)[-3:] == [
        ("INFO", "half"),
        ("SYS INFO", "Status changed to Aborted"),
        ("SYS ERR ", f"Job aborted (lost): {run.reason}"),
    ]
    assert status_of(site, run)["Status"] == "Aborted"


def test_W45_both_killed_at_once_leave_no_run_that_runs_for_ever(site: Site) -> None:
    job = add_webjob(site, "lost", {"run.sh": "echo ready; sleep 600\n"})
    site.start()
    run_id = begun(site, job)

    site.crash()
    site.kill_runners()
    site.start()

    run = site.until_done(run_id)
    assert status_of(site, run)["Status"] == "Aborted"
    assert "EndTime" in status_of(site, run)
    assert not_left(site)


def test_a_supervisor_killed_before_it_could_write_is_made_up_for(site: Site) -> None:
    job = add_webjob(site, "settled", {"run.sh": "exit 5\n"})
    site.start()
    told, untold = (site.until_done(queue_run(site, job)) for _ in range(2))
    site.crash()
    beat(site)
    path = run_folder(site, untold) / "status"
    path.write_text(json.dumps({"Status": "Running"}))
    written_before = (run_folder(site, told) / "status").stat().st_mtime_ns

    site.start()

    assert status_of(site, untold)["Status"] == "Failed"
    assert "EndTime" in status_of(site, untold)
    assert (run_folder(site, told) / "status").stat().st_mtime_ns == written_before


def beat(site: Site) -> None:
    """Tell of the machine as its supervisor does every few seconds."""
    now_us = clock.now_us()
    site.store.nodes.beat(
        name=site.settings.node,
        boot_id="",
        capacity=4,
        started_us=now_us,
        now_us=now_us,
        facts={},
    )


# Output


def test_a_log_can_be_read_while_the_run_goes_on(site: Site) -> None:
    job = add_webjob(site, "live", {"run.sh": "echo one; printf 'tw'; sleep 600\n"})
    site.start()
    run_id = queue_run(site, job)

    run = says(site, run_id, "INFO] tw")

    assert run.state is not RunState.DONE
    assert stop(site, run_id)


def test_a_flood_is_logged_up_to_its_cap_and_kept_beside_it(tmp_path: Path) -> None:
    site = Site(tmp_path, output_cap=100_000)
    script = "yes 0123456789 | head -c 30000000\n"
    job = add_webjob(site, "flood", {"run.sh": script})
    site.start()

    run = site.until_done(queue_run(site, job), seconds=60)

    assert run.outcome is Outcome.SUCCEEDED, run.reason
    assert run.out_bytes == 30_000_000
    log = run_folder(site, run) / "output_log.txt"
    assert log.stat().st_size < 101_000
    found = lines(log)
    assert found[-2][1].startswith("The log ends here, at 100000 bytes")
    assert found[-1] == ("SYS INFO", "Status changed to Success")
    site.close()


def test_thousands_of_lines_are_all_there(site: Site) -> None:
    job = add_webjob(site, "long", {"run.sh": "seq 1 20000; seq 1 500 >&2\n"})
    site.start()

    run = site.until_done(queue_run(site, job), seconds=30)

    folder = run_folder(site, run)
    out = [text for level, text in lines(folder / "output_log.txt") if level == "INFO"]
    assert out == [str(number) for number in range(1, 20_001)]
    assert [text for _, text in lines(folder / "error_log.txt")] == [*map(str, range(1, 501))]


def not_left(site: Site) -> bool:
    """Return whether nothing of any run lives, only runners do."""
    for process in processes_of(site.folder):
        command = command_of(process)
        assert not command or program.__file__ in command, command
    mine = [one for one in all_processes().values() if not one.gone and cookie_of(one.pid)]
    return not any(str(site.folder) in _environment(one.pid) for one in mine)


def _environment(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
