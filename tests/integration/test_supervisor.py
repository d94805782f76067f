"""The supervisor with real runners: from a queued row to a settled one, through every crash."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from jobsched import clock, events
from jobsched.events import Event
from jobsched.execution.protocol import Message
from jobsched.execution.supervisor import filling
from jobsched.execution.supervisor.commands import start_message
from jobsched.execution.supervisor.surroundings import Surroundings
from jobsched.model import End, EndedBy, Outcome, Run, RunState
from jobsched.storage.settling import Settlement
from tests.support.runner import lives
from tests.support.supervision import Site
from tests.support.waiting import until


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    place = Site(tmp_path)
    yield place
    place.close()


@pytest.fixture
def told() -> Iterator[list[Event]]:
    heard: list[Event] = []
    stop = events.listen(heard.append)
    yield heard
    stop()


def test_a_queued_run_is_executed_and_its_end_and_output_are_stored(site: Site) -> None:
    site.script("hello", "echo out; echo err >&2; exit 3")
    run_id = site.queue("hello")
    site.start()

    run = site.until_done(run_id)

    assert (run.ended_by, run.exit_code, run.outcome) == (EndedBy.EXIT, 3, Outcome.FAILED)
    output = site.store.outputs.get(run_id)
    assert output is not None
    assert output[:2] == (b"out\n", b"err\n")
    assert run.started_at is not None
    assert run.node == "here"


def test_a_living_run_is_shown_as_running_and_told_with_its_output(
    site: Site, told: list[Event]
) -> None:
    gate = site.folder / "gate"
    site.script("wait", f"echo one; until test -e {gate}; do sleep 0.02; done; echo two >&2")
    run_id = site.queue("wait")
    site.start()
    site.until_state(run_id, RunState.RUNNING)

    gate.touch()
    site.until_done(run_id)

    assert [event.name for event in told] == [
        "run started", "run output", "run output", "run finished",
    ]  # fmt: skip
    lines = [event.fields["line"] for event in told if event.name == "run output"]
    assert lines == ["one", "two"]


def test_a_run_whose_task_left_the_catalog_is_not_started_and_says_so(
    site: Site, told: list[Event]
) -> None:
    run_id = site.queue("gone")
    site.start()

    run = site.until_done(run_id)

    assert run.outcome is Outcome.NOT_STARTED
    assert run.reason == "There is no task named 'gone' in the catalog."
    assert told[-1].fields["reason"] == run.reason


def test_a_missing_script_is_named_in_the_reason(site: Site) -> None:
    site.script("absent", ":")
    (site.settings.conf_dir / "absent.sh").unlink()
    run_id = site.queue("absent")
    site.start()

    run = site.until_done(run_id)

    assert run.outcome is Outcome.NOT_STARTED
    assert "absent.sh" in str(run.reason)


def test_no_more_runs_live_than_the_capacity_allows(tmp_path: Path) -> None:
    site = Site(tmp_path, capacity=2)
    site.script("wait", f"until test -e {tmp_path}/gate; do sleep 0.02; done")
    ids = [site.queue("wait") for _ in range(3)]
    site.start()
    for run_id in ids[:2]:
        site.until_state(run_id, RunState.RUNNING)

    waiting = site.run(ids[2]).state
    (tmp_path / "gate").touch()
    runs = [site.until_done(run_id) for run_id in ids]

    assert waiting is RunState.QUEUED
    assert all(run.outcome is Outcome.SUCCEEDED for run in runs)
    site.close()


def test_a_run_that_is_told_to_stop_ends_with_its_tree(site: Site) -> None:
    site.script("long", "sleep 1000 & sleep 1000")
    run_id = site.queue("long")
    site.start()
    site.until_state(run_id, RunState.RUNNING)

    site.store.runs.request_stop(run_id, EndedBy.STOP, "Enough.", clock.now_us())
    run = site.until_done(run_id)

    assert (run.ended_by, run.reason, run.signal) == (EndedBy.STOP, "Enough.", 15)


def test_a_script_is_ended_after_its_timeout(site: Site) -> None:
    site.script("slow", "echo begun; sleep 1000", timeout="0.3")
    run_id = site.queue("slow")
    site.start()

    run = site.until_done(run_id)

    assert run.outcome is Outcome.TIMED_OUT


def test_a_run_goes_on_while_the_supervisor_is_dead_and_is_adopted(site: Site) -> None:
    gate = site.folder / "gate"
    site.script("wait", f"until test -e {gate}; do sleep 0.02; done; exit 7")
    run_id = site.queue("wait")
    site.start()
    site.until_state(run_id, RunState.RUNNING)

    site.crash()
    site.start()
    site.until(lambda: site.supervisor is not None and len(site.supervisor.fleet.ready()) == 2)
    gate.touch()
    run = site.until_done(run_id)

    assert (run.exit_code, run.claim) == (7, 1)


def test_a_run_that_ended_while_the_supervisor_was_dead_has_its_true_end(site: Site) -> None:
    gate = site.folder / "gate"
    site.script("wait", f"until test -e {gate}; do sleep 0.02; done; echo late; exit 7")
    run_id = site.queue("wait")
    site.start()
    site.until_state(run_id, RunState.RUNNING)

    site.crash()
    gate.touch()
    site.start()
    run = site.until_done(run_id)

    assert (run.ended_by, run.exit_code) == (EndedBy.EXIT, 7)


def test_when_a_runner_is_killed_its_runs_are_lost_with_a_reason_and_nothing_survives(
    site: Site,
) -> None:
    pids = site.folder / "pids"
    site.script("long", f"echo $$ >> {pids}; exec sleep 1000")
    run_id = site.queue("long")
    site.start()
    site.until_state(run_id, RunState.RUNNING)
    pid = int(until(lambda: pids.exists() and pids.read_text()))

    site.kill_runners()
    run = site.until_done(run_id)

    assert run.outcome is Outcome.LOST
    assert "runner was killed" in str(run.reason)
    assert not lives(pid)


def test_killed_runners_are_replaced_and_work_goes_on(site: Site) -> None:
    site.script("hello", "echo hello")
    site.start()
    site.until_done(site.queue("hello"))

    site.kill_runners()
    run = site.until_done(site.queue("hello"))

    assert run.outcome is Outcome.SUCCEEDED


def test_a_claimed_run_that_no_runner_ever_heard_of_is_run_after_all(site: Site) -> None:
    site.script("hello", "echo hello")
    run_id = site.queue("hello")
    boot = site.start()._boot_id
    site.crash()
    site.store.claims.claim("here", boot, ["r9-never"], 1, clock.now_us())

    site.start()
    run = site.until_done(run_id)

    assert (run.outcome, run.claim) == (Outcome.SUCCEEDED, 2)


def test_after_a_restart_of_the_machine_claimed_runs_are_lost(site: Site) -> None:
    site.script("hello", "echo hello")
    run_id = site.queue("hello")
    site.store.claims.claim("here", "another boot", ["r9-never"], 1, clock.now_us())

    site.start()
    run = site.until_done(run_id)

    assert run.outcome is Outcome.LOST
    assert "machine restarted" in str(run.reason)


def test_what_a_runner_hosts_for_no_living_row_is_ended(site: Site) -> None:
    pids = site.folder / "pids"
    site.script("long", f"echo $$ >> {pids}; exec sleep 1000")
    run_id = site.queue("long")
    site.start()
    site.until_state(run_id, RunState.RUNNING)
    pid = int(until(lambda: pids.exists() and pids.read_text()))

    site.crash()
    end = End(run_id=run_id, claim=1, ended_by=EndedBy.LOST, ended_us=clock.now_us())
    site.store.claims.settle([Settlement(end=end)], clock.now_us())
    site.start()

    site.until(lambda: not lives(pid))
    assert site.run(run_id).outcome is Outcome.LOST


def test_an_ordered_stop_ends_what_lives(site: Site) -> None:
    site.script("long", "sleep 1000")
    run_id = site.queue("long")
    supervisor = site.start()
    site.until_state(run_id, RunState.RUNNING)

    supervisor.claiming = False
    supervisor.stop_all(EndedBy.SHUTDOWN, "The server was stopped.")
    run = site.until_done(run_id)

    assert (run.ended_by, run.reason) == (EndedBy.SHUTDOWN, "The server was stopped.")
    assert not supervisor.hosting


def test_a_mistake_about_one_run_stops_no_other(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def mistaken(run: Run, around: Surroundings, files: Mapping[str, str]) -> Message:
        if run.params:
            raise TypeError("odd facts")
        return start_message(run, around, files)

    monkeypatch.setattr(filling, "start_message", mistaken)
    site.script("hello", "true")
    odd, even = site.queue("hello", params={"odd": 1}), site.queue("hello")
    site.start()

    assert site.until_done(even).outcome is Outcome.SUCCEEDED
    run = site.until_done(odd)
    assert (run.ended_by, run.reason) == (
        EndedBy.NOT_STARTED,
        "It cannot be started: odd facts.",
    )
    assert "run not understood" in caplog.text
