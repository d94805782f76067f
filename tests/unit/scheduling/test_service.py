"""The scheduler part as its process runs it, here in a thread."""

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from jobsched import clock
from jobsched.model import Mode
from jobsched.scheduling import service
from jobsched.scheduling.scheduler import JobschedScheduler
from jobsched.settings import Settings
from jobsched.storage.firing import LEASE
from jobsched.storage.newjobs import NewJob
from jobsched.storage.searching import RunFilter
from jobsched.triggers import parse
from jobsched.wake import Listener, Wake
from tests.support.databases import migrated
from tests.support.waiting import until


class Part:
    """The running part, with what it shares with the others."""

    def __init__(self, folder: Path) -> None:
        url = f"sqlite:///{folder}/jobsched.db"
        self.store = migrated(url)
        self.wake = Wake(folder)
        self.supervisor = Listener(folder, "supervisor")
        self.beats: list[None] = []
        self.failure: list[Exception] = []
        self.stopping = threading.Event()
        self._settings = cast(Settings, SimpleNamespace(data_dir=folder, database_url=url))
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            service.run(self._settings, self._beat, self.stopping, self.wake.notify)
        except Exception as error:  # the edge of a thread: the test looks at it
            self.failure.append(error)

    def _beat(self) -> None:
        self.beats.append(None)

    def stop(self) -> None:
        self.stopping.set()
        self.thread.join(10)
        self.supervisor.close()
        self.wake.close()
        self.store.close()


@pytest.fixture
def part(tmp_path: Path) -> Iterator[Part]:
    part = Part(tmp_path)
    yield part
    part.stop()
    assert not part.thread.is_alive()


def _leads(part: Part) -> bool:
    held = part.store.leases.read(LEASE)
    return held is not None and held.expires_us > clock.now_us()


def test_a_job_written_by_another_process_is_fired_and_the_supervisor_woken(part: Part) -> None:
    until(lambda: _leads(part))
    now_us = clock.now_us()
    trigger = parse({"interval": {"seconds": 0.2}}, created_us=now_us)
    new = NewJob(
        id="a",
        name="often",
        task="example",
        mode=Mode.SCHEDULED,
        created_us=now_us,
        trigger=trigger.to_json(),
        next_us=trigger.first(now_us),
    )

    part.store.jobs.add(new)
    part.wake.notify("scheduler")

    [run, *_] = until(lambda: part.store.runs.list(RunFilter(), 10).values)
    assert run.job_id == "a"
    assert part.supervisor.wait(5)
    until(lambda: len(part.beats) > 2)


def test_it_gives_up_the_lead_when_it_stops(part: Part) -> None:
    until(lambda: _leads(part))

    part.stopping.set()
    part.thread.join(10)

    assert not _leads(part)
    assert part.failure == []


def test_a_loop_that_has_ended_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JobschedScheduler, "_main_loop", lambda self: None)

    part = Part(tmp_path)

    until(lambda: part.failure)
    assert isinstance(part.failure[0], service.SchedulerDied)
    part.stop()
