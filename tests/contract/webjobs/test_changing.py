"""Jobs follow the files of their folders, and stop and start with disable.job."""

from typing import Any

import pytest

from jobsched.model import JobState
from jobsched.operations.webjobs import WebJobs
from jobsched.webjobs.places import Site
from tests.support.webjobs import CONTINUOUS, TRIGGERED, job_of, put


def test_a_continuous_job_is_made_of_something_else_when_a_file_changes(
    site: Site, webjobs: WebJobs
) -> None:
    folder = put(site, CONTINUOUS, "loop")
    put(site, CONTINUOUS, "other")
    before, other = job_of(webjobs, "loop", CONTINUOUS), job_of(webjobs, "other", CONTINUOUS)

    (folder / "library.py").write_text("new", encoding="utf-8")
    done = webjobs.sync()

    after = webjobs.get(CONTINUOUS, "loop").job
    assert done.changed == [(CONTINUOUS, "loop")]
    assert after.params != before.params
    assert webjobs.get(CONTINUOUS, "other").job == other


@pytest.mark.parametrize("change", [{"is_singleton": True}, {"unknown": 1}])
def test_a_continuous_job_starts_anew_with_other_settings(
    site: Site, webjobs: WebJobs, change: dict[str, Any]
) -> None:
    put(site, CONTINUOUS, "loop")
    before = job_of(webjobs, "loop", CONTINUOUS)

    put(site, CONTINUOUS, "loop", **change)

    assert job_of(webjobs, "loop", CONTINUOUS).params != before.params


def test_a_triggered_job_is_left_alone_when_a_file_changes(site: Site, webjobs: WebJobs) -> None:
    folder = put(site, TRIGGERED, "backup")
    before = job_of(webjobs)

    (folder / "library.py").write_text("new", encoding="utf-8")

    assert job_of(webjobs) == before
    assert webjobs.get(TRIGGERED, "backup").webjob.deployed_at > before.created_at


def test_what_a_job_writes_in_its_own_folder_starts_nothing_anew(
    site: Site, webjobs: WebJobs
) -> None:
    folder = put(site, CONTINUOUS, "loop", is_in_place=True)
    before = job_of(webjobs, "loop", CONTINUOUS)

    (folder / "state.txt").write_text("written by itself", encoding="utf-8")

    assert not webjobs.sync()
    assert webjobs.get(CONTINUOUS, "loop").job == before


def test_a_script_that_goes_blocks_the_job_until_there_is_one_again(
    site: Site, webjobs: WebJobs
) -> None:
    folder = put(site, TRIGGERED, "backup", schedule="0 0 3 * * *")
    due = job_of(webjobs).next_run

    (folder / "run.sh").unlink()
    blocked = job_of(webjobs)
    assert (blocked.state, blocked.next_run) == (JobState.BLOCKED, None)

    (folder / "go.py").touch()
    back = job_of(webjobs)
    assert (back.state, back.state_reason, back.next_run) == (JobState.ACTIVE, None, due)


def test_a_name_follows_its_folders_case(site: Site, webjobs: WebJobs) -> None:
    folder = put(site, TRIGGERED, "backup")
    before = job_of(webjobs)

    folder.rename(folder.with_name("BackUp"))

    after = job_of(webjobs)
    assert (after.key, after.name) == (before.key, "BackUp")


def test_disable_job_is_taken_over_once(site: Site, webjobs: WebJobs) -> None:
    folder = put(site, CONTINUOUS, "loop", {"run.sh": "", "disable.job": ""})
    assert job_of(webjobs, "loop", CONTINUOUS).state is JobState.PAUSED

    (folder / "disable.job").unlink()  # as a deployment does
    assert job_of(webjobs, "loop", CONTINUOUS).state is JobState.PAUSED

    assert webjobs.start(CONTINUOUS, "loop", "me").job.state is JobState.ACTIVE
    (folder / "disable.job").touch()
    assert job_of(webjobs, "loop", CONTINUOUS).state is JobState.PAUSED


def test_stop_and_start_are_told_by_disable_job(site: Site, webjobs: WebJobs) -> None:
    folder = put(site, CONTINUOUS, "loop")
    webjobs.sync()

    for _ in range(2):  # the second time nothing changes
        assert webjobs.stop(CONTINUOUS, "LOOP", "me").job.state is JobState.PAUSED
        assert (folder / "disable.job").exists()
    stopped = webjobs.get(CONTINUOUS, "loop").job
    assert not webjobs.sync()
    assert webjobs.get(CONTINUOUS, "loop").job == stopped

    for _ in range(2):
        assert webjobs.start(CONTINUOUS, "loop", "me").job.state is JobState.ACTIVE
        assert not (folder / "disable.job").exists()


def test_a_triggered_job_that_is_stopped_keeps_its_schedule_for_later(
    site: Site, webjobs: WebJobs
) -> None:
    folder = put(site, TRIGGERED, "backup", schedule="0 0 3 * * *")
    due = job_of(webjobs).next_run

    assert webjobs.stop(TRIGGERED, "backup", "me").job.next_run is None
    assert not (folder / "disable.job").exists()
    assert webjobs.start(TRIGGERED, "backup", "me").job.next_run == due
