"""A runner that hangs is ended and replaced, also by a supervisor that did not start it."""

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from jobsched.execution.runner import program
from jobsched.execution.supervisor import pulse
from jobsched.model import Outcome, RunState
from tests.support.processes import command_of, processes_of
from tests.support.supervision import Site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(pulse, "ASK_AFTER", 0.3)
    monkeypatch.setattr(pulse, "FROZEN_AFTER", 2.0)
    place = Site(tmp_path, runners=1)
    yield place
    place.close()


def runner_of(site: Site) -> psutil.Process:
    """Return the one runner of the site."""
    (found,) = [one for one in processes_of(site.folder) if program.__file__ in command_of(one)]
    return found


@pytest.mark.parametrize("restarted", [False, True])
def test_a_runner_that_does_not_answer_is_replaced_and_its_runs_are_judged(
    site: Site, *, restarted: bool
) -> None:
    site.script("long", "exec sleep 1000")
    site.script("hello", "echo hello")
    run_id = site.queue("long")
    site.start()
    site.until_state(run_id, RunState.RUNNING)
    frozen = runner_of(site)
    if restarted:
        site.crash()
        site.start()
    frozen.send_signal(signal.SIGSTOP)

    run = site.until_done(run_id, seconds=30)

    assert run.outcome is Outcome.LOST
    assert site.until_done(site.queue("hello")).outcome is Outcome.SUCCEEDED
    assert runner_of(site).pid != frozen.pid


def test_a_runner_that_rests_is_left_alone(site: Site) -> None:
    site.script("hello", "sleep 4")
    site.start()
    run_id = site.queue("hello")
    site.until_state(run_id, RunState.RUNNING)
    before = runner_of(site).pid

    assert site.until_done(run_id).outcome is Outcome.SUCCEEDED
    assert runner_of(site).pid == before
