"""Settings that are read, sent, refused; the singleton among them."""

import json
from typing import Any

import pytest

from jobsched.errors import Conflict, InvalidInput, UnknownWebJob
from jobsched.model import JobState
from jobsched.operations.webjobs import WebJobs
from jobsched.webjobs.places import Site
from tests.support.webjobs import CONTINUOUS, TRIGGERED, job_of, put


def test_JobsSettingsSetSuccessfully(site: Site, webjobs: WebJobs) -> None:  # noqa: N802
    for kind in (TRIGGERED, CONTINUOUS):
        folder = put(site, kind, "job")
        webjobs.sync()
        assert webjobs.settings(kind, "job") == {}
        values = {"one": 1, "two": {"x": [None]}, "is_singleton": True}

        webjobs.put_settings(kind, "JOB", values, "me")

        assert webjobs.settings(kind, "job") == values
        assert json.loads((folder / "settings.job").read_text(encoding="utf-8")) == values


def test_settings_that_are_sent_are_refused_with_every_mistake(
    site: Site, webjobs: WebJobs
) -> None:
    put(site, TRIGGERED, "backup", kept=1)
    webjobs.sync()
    values = {"schedule": "x", "is_in_place": 1, "timeout": -1, "run_as": "no-such-user-here"}

    with pytest.raises(InvalidInput) as refusal:
        webjobs.put_settings(TRIGGERED, "backup", values, "me")

    assert {(each.field, each.rule) for each in refusal.value.errors} == {
        ("is_in_place", "type"),
        ("timeout", "range"),
        ("run_as", "unknown"),
        ("schedule", "length"),
    }
    assert webjobs.settings(TRIGGERED, "backup") == {"kept": 1}


def test_settings_have_a_largest_size(site: Site, webjobs: WebJobs) -> None:
    put(site, TRIGGERED, "backup")
    webjobs.sync()

    for values in ({"x": "y" * 300_000}, {"x": "\ud800"}):
        with pytest.raises(InvalidInput, match=r"larger than|half a character"):
            webjobs.put_settings(TRIGGERED, "backup", values, "me")


@pytest.mark.parametrize(
    "values",
    [
        {"calendars": 5, "schedule": "* * * * *"},
        {"calendars": [[]], "schedule": "* * * * *"},
        {"timezone": [], "schedule": "* * * * *"},
        {"recurrence": 5},
        {"recurrence": {"frequency": []}, "startTime": {}},
        {"schedule": "\ud800"},
        {"env": {"A": "\ud800"}},
        {"run_as": "\ud800"},
        {"jitter": "x", "dst": 1, "on_excluded": {}, "schedule": "* * * * *"},
    ],
)
def test_whatever_stands_in_a_file_no_other_job_suffers(
    site: Site, webjobs: WebJobs, values: dict[str, Any]
) -> None:
    put(site, TRIGGERED, "broken", **values)
    put(site, TRIGGERED, "sound")

    webjobs.sync()

    assert [view.webjob.name for view in webjobs.list()] == ["broken", "sound"]
    assert webjobs.get(TRIGGERED, "broken").webjob.error
    with pytest.raises(InvalidInput):
        webjobs.put_settings(TRIGGERED, "sound", values, "me")


def test_broken_settings_on_disk_are_told_and_count_as_none(site: Site, webjobs: WebJobs) -> None:
    folder = put(site, TRIGGERED, "backup", {"run.sh": "", "settings.job": "{"})

    assert job_of(webjobs).state is JobState.ACTIVE
    assert "not valid JSON" in (webjobs.get(TRIGGERED, "backup").webjob.error or "")
    (folder / "settings.job").write_text("{}", encoding="utf-8")
    webjobs.sync()
    assert webjobs.get(TRIGGERED, "backup").webjob.error is None


def test_singleton_is_a_setting_and_a_file_of_2013(site: Site, webjobs: WebJobs) -> None:
    folder = put(site, CONTINUOUS, "loop", other=1)
    webjobs.sync()

    view = webjobs.set_singleton("loop", True, "me")
    assert view.job.policy.singleton
    assert view.webjob.settings == {"other": 1, "is_singleton": True}
    assert (folder / "singleton.job").exists()

    assert not webjobs.set_singleton("loop", False, "me").job.policy.singleton
    assert not (folder / "singleton.job").exists()


def test_the_file_of_2013_alone_makes_a_singleton(site: Site, webjobs: WebJobs) -> None:
    put(site, CONTINUOUS, "loop", {"run.sh": "", "singleton.job": ""})

    assert job_of(webjobs, "loop", CONTINUOUS).policy.singleton


def test_broken_settings_are_not_overwritten_by_singleton(site: Site, webjobs: WebJobs) -> None:
    put(site, CONTINUOUS, "loop", {"run.sh": "", "settings.job": "{"})
    webjobs.sync()

    with pytest.raises(Conflict, match="not valid JSON"):
        webjobs.set_singleton("loop", True, "me")


@pytest.mark.parametrize("verb", ["get", "settings"])
def test_unknown_web_jobs_are_refused(webjobs: WebJobs, verb: str) -> None:
    with pytest.raises(UnknownWebJob):
        getattr(webjobs, verb)(TRIGGERED, "nobody")


def test_health_is_a_matter_of_continuous_jobs(site: Site, webjobs: WebJobs) -> None:
    health = {"command": ["true"], "failures": 2}
    for kind in (TRIGGERED, CONTINUOUS):
        put(site, kind, "job", health=health)
    webjobs.sync()

    loop, triggered = webjobs.get(CONTINUOUS, "job"), webjobs.get(TRIGGERED, "job")

    assert loop.job.policy.health is not None
    assert (loop.job.policy.health.command, loop.job.policy.health.failures) == (("true",), 2)
    assert triggered.job.policy.health is None
    assert "continuous" in (triggered.webjob.error or "")
    with pytest.raises(InvalidInput, match="continuous"):
        webjobs.put_settings(TRIGGERED, "job", {"health": health}, "me")
