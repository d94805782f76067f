"""What docs/apscheduler.rst shows works in a stock scheduler, found by the names in setup.py."""

import re
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler

from jobsched.errors import InvalidInput
from jobsched.storage import Store
from jobsched.storage.searching import JobFilter
from jobsched.triggers.plugins import At, Interval
from tests.support.server import ROOT

TEXT = (ROOT / "docs" / "apscheduler.rst").read_text(encoding="utf-8")
EXAMPLES = [
    textwrap.dedent(found) for found in re.findall(r"::\n\n((?:    .*\n|\n)+)", TEXT)
]  # fmt: skip


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let APScheduler find what setup.py declares, as after ``pip install``."""
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    for kind in ("trigger", "jobstore", "executor"):
        group = re.search(rf'"apscheduler\.{kind}s": \[(.*?)\]', setup, re.DOTALL)
        assert group is not None
        for name, value in re.findall(r'"(\w+) = ([\w.:]+)"', group[1]):
            entry = EntryPoint(name, value, f"apscheduler.{kind}s")
            monkeypatch.setitem(getattr(BaseScheduler, f"_{kind}_plugins"), name, entry)
    monkeypatch.setattr(BaseScheduler, "_trigger_classes", {}, raising=False)


@pytest.fixture
def scheduler() -> Iterator[BackgroundScheduler]:
    scheduler = BackgroundScheduler(timezone="Europe/Berlin")
    scheduler.start(paused=True)
    yield scheduler
    scheduler.shutdown()


@pytest.mark.parametrize("number", [0, 1])
def test_the_triggers_work_as_shown(number: int) -> None:
    exec(EXAMPLES[number], {})  # noqa: S102 - our own document


def test_the_job_store_works_as_shown(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/jobsched.db"
    shown = "sqlite:////srv/jobsched/var/jobsched.db"
    assert shown in EXAMPLES[2]

    exec(EXAMPLES[2].replace(shown, url), {})  # noqa: S102 - our own document

    store = Store.open(url)
    (job,) = store.jobs.list(JobFilter(), 10).values
    store.close()
    assert (job.name, job.task) == ("hourly", "example")


def test_a_trigger_takes_our_words_and_those_of_apscheduler(
    scheduler: BackgroundScheduler,
) -> None:
    start = datetime(2099, 1, 1, 7, tzinfo=UTC)
    kinds = [
        scheduler.add_job(print, "jobsched_interval", interval={"hours": 30}, count=2).trigger,
        scheduler.add_job(print, "jobsched_interval", days=1, start_date=start).trigger,
        scheduler.add_job(print, "jobsched_at", run_date=start).trigger,
    ]

    assert [type(kind).kind for kind in kinds] == ["interval", "interval", "at"]
    assert not any(isinstance(kind, Interval | At) for kind in kinds)
    assert (kinds[0].interval, kinds[0].count) == (timedelta(hours=30), 2)
    assert (kinds[1].first(0), kinds[1].timezone) == (kinds[2].at_us, "Europe/Berlin")


def test_wrong_words_are_refused_with_every_reason(scheduler: BackgroundScheduler) -> None:
    with pytest.raises(InvalidInput, match=r"colour is not.*interval\.seconds must be more"):
        scheduler.add_job(print, "jobsched_interval", seconds=0, colour="red")
