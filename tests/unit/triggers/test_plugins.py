"""Our triggers in a stock APScheduler: found by name, kept in its stores, firing."""

import copy
import pickle
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from apscheduler.jobstores.base import BaseJobStore
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler

from jobsched.clock import SECOND, now_us
from jobsched.errors import InvalidInput
from jobsched.scheduling.executor import run_task
from jobsched.scheduling.jobstore import JobStore
from jobsched.triggers import TRIGGERS, Trigger, parse, restore
from tests.support.server import ROOT
from tests.support.waiting import until

MONTHLY = {"frequency": "month", "schedule": {"monthlyOccurrences": [{"day": "friday"}]}}
FAR = "2099-01-01T00:00:00Z"

WORDS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("interval", {"hours": 30, "count": 2}, {"interval": {"hours": 30}, "count": 2}),
    ("at", {"run_date": datetime(2099, 1, 1, tzinfo=UTC)}, {"at": FAR}),
    ("cron", {"expression": "0 9 * * 1-5"}, {"cron": "0 9 * * 1-5"}),
    (
        "cron",
        {"expression": "0 0 9 * * 1-5", "dialect": "ncrontab", "dst": "skip"},
        {"cron": {"expression": "0 0 9 * * 1-5", "dialect": "ncrontab"}, "dst": "skip"},
    ),
    ("recurrence", {**MONTHLY, "startTime": FAR}, {"recurrence": MONTHLY, "startTime": FAR}),
    ("recurrence", {"frequency": "hour"}, {"recurrence": {"frequency": "hour"}}),
    (
        "recurrence",
        {"frequency": "day", "start_date": datetime(2099, 1, 1, tzinfo=UTC), "count": 3},
        {"recurrence": {"frequency": "day", "count": 3}, "startTime": FAR},
    ),
    (
        "any",
        {"any": [{"cron": "0 9 * * *"}, {"recurrence": {"frequency": "week"}}], "count": 9},
        {"any": [{"cron": "0 9 * * *"}, {"recurrence": {"frequency": "week"}}], "count": 9},
    ),
]


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let APScheduler find what setup.py declares, as after ``pip install``."""
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    for name, value in re.findall(r'"(jobsched_\w+) = ([\w.:]+)"', setup):
        entry = EntryPoint(name, value, "apscheduler.triggers")
        monkeypatch.setitem(BaseScheduler._trigger_plugins, name, entry)
    monkeypatch.setattr(BaseScheduler, "_trigger_classes", {}, raising=False)


def stores(folder: Path) -> list[BaseJobStore]:
    """Return one of each kind of store that keeps jobs by itself."""
    url = f"sqlite:///{folder}/apscheduler.db"
    return [MemoryJobStore(), SQLAlchemyJobStore(url=url)]


def pickled(trigger: Trigger) -> Trigger:
    """Return what comes back from a pickle."""
    again: Trigger = pickle.loads(pickle.dumps(trigger))  # noqa: S301 - our own
    return again


@pytest.fixture(params=[0, 1], ids=["memory", "sqlalchemy"])
def scheduler(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BackgroundScheduler]:
    made = BackgroundScheduler(timezone="Europe/Berlin")
    made.add_jobstore(stores(tmp_path)[request.param])
    made.start(paused=True)
    yield made
    made.shutdown()


def test_every_kind_has_an_entry_point() -> None:
    found = {name for name in BaseScheduler._trigger_plugins if name.startswith("jobsched_")}

    assert found == {f"jobsched_{trigger.kind}" for trigger in TRIGGERS}


@pytest.mark.parametrize(("kind", "words", "data"), WORDS)
def test_a_trigger_is_named_and_spelled_in_our_words(
    scheduler: BackgroundScheduler, kind: str, words: dict[str, Any], data: dict[str, Any]
) -> None:
    job = scheduler.add_job(print, f"jobsched_{kind}", id="one", **words)

    kept = scheduler.get_job("one")
    same = parse({"timezone": "Europe/Berlin", **data})
    assert type(job.trigger) is type(same)
    shown = {name: value for name, value in same.to_json().items() if name != "start"}
    assert shown.items() <= job.trigger.to_json().items()
    assert kept.trigger == job.trigger
    assert kept.next_run_time == job.next_run_time
    assert job.next_run_time is not None


@pytest.mark.parametrize(("kind", "words", "data"), WORDS)
def test_copies_and_pickles_name_the_same_moments(
    kind: str, words: dict[str, Any], data: dict[str, Any]
) -> None:
    del kind, words
    trigger = parse(data)

    for other in (copy.deepcopy(trigger), copy.copy(trigger), pickled(trigger)):
        assert other == trigger
        assert other.stored() == trigger.stored()
        assert other.next_after(0) == trigger.next_after(0)


def test_a_pickle_holds_the_stored_form_alone() -> None:
    trigger = parse({"cron": "0 9 * * 1-5", "count": 5, "timezone": "Europe/Berlin"})

    assert len(pickle.dumps(trigger)) < 400
    assert pickled(trigger) == restore(trigger.stored())


@pytest.mark.parametrize("words", [{"frequency": "hour"}, {"frequency": "hour", "count": 5}])
def test_a_recurrence_without_a_start_fires_at_once_and_only_once(
    tmp_path: Path, words: dict[str, Any]
) -> None:
    for store in stores(tmp_path):
        scheduler = BackgroundScheduler(timezone="UTC")
        scheduler.add_jobstore(store)
        scheduler.start()
        job = scheduler.add_job(_note, "jobsched_recurrence", id="one", **words)
        until(lambda: len(NOTED) == 1)

        until(partial(_is_over, job.trigger.since_us + SECOND))
        job.pause()
        job.resume()
        left = scheduler.get_job("one").next_run_time - datetime.now(UTC)

        assert timedelta(minutes=59) < left <= timedelta(hours=1)
        scheduler.shutdown()
        NOTED.clear()


def test_a_moment_that_is_now_is_not_lost_on_the_way() -> None:
    fired, scheduler = threading.Event(), BackgroundScheduler()
    scheduler.start()

    scheduler.add_job(fired.set, "jobsched_at", at=datetime.now(UTC))

    assert fired.wait(5)
    until(lambda: not scheduler.get_jobs())
    scheduler.shutdown()


NOTED: list[int] = []


def _is_over(us: int) -> bool:
    return us < now_us()


def _note() -> None:
    NOTED.append(1)


def test_a_cron_job_fires_in_a_stock_scheduler() -> None:
    fired, scheduler = threading.Event(), BackgroundScheduler()
    scheduler.start()

    scheduler.add_job(fired.set, "jobsched_cron", expression="* * * * * *")

    assert fired.wait(5)
    scheduler.remove_all_jobs()  # a stock loop may raise when it fires during the shutdown
    scheduler.shutdown()


def test_a_trigger_needs_no_installed_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    for trigger in TRIGGERS:
        monkeypatch.delitem(BaseScheduler._trigger_plugins, f"jobsched_{trigger.kind}")
    scheduler = BackgroundScheduler()
    scheduler.start(paused=True)

    job = scheduler.add_job(print, parse({"cron": "0 9 * * 1-5", "timezone": "Europe/Berlin"}))

    assert (job.next_run_time.hour, job.next_run_time.minute) in {(7, 0), (8, 0)}
    scheduler.shutdown()


@pytest.mark.parametrize(("kind", "words", "data"), WORDS)
def test_our_own_store_keeps_every_kind(
    tmp_path: Path, kind: str, words: dict[str, Any], data: dict[str, Any]
) -> None:
    del data
    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.add_jobstore(JobStore(url=f"sqlite:///{tmp_path}/jobsched.db"))
    scheduler.start(paused=True)

    job = scheduler.add_job(run_task, f"jobsched_{kind}", args=["example"], id="one", **words)

    kept = scheduler.get_job("one")
    trigger: Trigger = kept.trigger
    assert trigger == job.trigger
    assert trigger.stored() == job.trigger.stored()
    assert kept.next_run_time == job.next_run_time
    scheduler.shutdown()


@pytest.mark.parametrize(
    ("kind", "words", "field"),
    [
        ("cron", {"expression": "61 * * * *"}, "cron"),
        ("recurrence", {"frequency": "year"}, "recurrence.frequency"),
        ("any", {"any": []}, "any"),
        ("cron", {"expression": "0 9 * * *", "dst": "twice"}, "dst"),
    ],
)
def test_wrong_words_are_refused(kind: str, words: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        BackgroundScheduler().add_job(print, f"jobsched_{kind}", **words)

    assert [error.field for error in refusal.value.errors] == [field]
