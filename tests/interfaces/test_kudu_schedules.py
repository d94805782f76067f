"""Schedules of web jobs as clients of Kudu see them: every kind, its errors, its log, its end."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from jobsched import clock
from tests.support.kudu import Kudu
from tests.support.server import Server
from tests.support.waiting import until

CALENDARS = "closed:\n  weekly: [{days: [sat, sun]}]\n"
DAILY = {"frequency": "day", "schedule": {"hours": [4], "minutes": [30]}}


@pytest.fixture(scope="module")
def kudu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kudu]:
    folder = tmp_path_factory.mktemp("schedules")
    with Server(folder, files={"calendars.yaml": CALENDARS}) as server:
        yield Kudu(server)


def core(kudu: Kudu, name: str) -> dict[str, Any]:
    """Return the job that a web job is in the core API."""
    jobs = kudu.server.get("/jobs", params={"name": name}).json()["values"]
    (found,) = [job for job in jobs if job["name"] == name]
    job: dict[str, Any] = kudu.server.get(f"/jobs/{found['id']}").json()
    return job


def upcoming(kudu: Kudu, name: str) -> list[str]:
    """Return the next moments of a job in local time, as the core API tells them."""
    asked = core(kudu, name)["trigger"] | {"from": "2027-01-01T00:00:00Z"}
    del asked["description"]
    answer = kudu.server.post("/triggers/preview", json=asked)
    assert answer.status_code == 200, answer.text
    return [moment["local"][:16] for moment in answer.json()["next"]]


def scheduler_log(kudu: Kudu, name: str, word: str) -> str:
    """Wait until a job's object leads to a log that holds *word*; return the log."""

    def text() -> str:
        url = kudu.job("triggered", name)["scheduler_logs_url"]
        return "" if url is None else kudu.server.get(url).text

    return until(lambda: text() if word in text() else "", 20, f"{word} in the log of {name}")


def test_a_recurrence_with_a_start_is_a_schedule(kudu: Kudu) -> None:
    start = "2030-05-01T00:00:00"
    job = kudu.deploy("triggered", "recurring", "true\n", recurrence=DAILY, startTime=start)

    assert job["error"] is None
    assert job["settings"] == {"recurrence": DAILY, "startTime": start}
    assert job["next_run"] == "2030-05-01T04:30:00.000000Z"


def test_a_time_zone_and_dst_count_for_recurrences_and_schedules(kudu: Kudu) -> None:
    zone = {"timezone": "Europe/Berlin", "startTime": "2030-05-01T00:00:00"}
    job = kudu.deploy("triggered", "berlin", "true\n", recurrence=DAILY, **zone)
    assert job["next_run"] == "2030-05-01T02:30:00.000000Z"

    leap = {"timezone": "Europe/Berlin", "schedule": "0 30 2 28 3 *"}
    kudu.deploy("triggered", "once", "true\n", **leap)
    kudu.deploy("triggered", "skip", "true\n", dst="skip", **leap)

    assert upcoming(kudu, "once")[:2] == ["2027-03-28T03:00", "2028-03-28T02:30"]
    assert upcoming(kudu, "skip")[0] == "2028-03-28T02:30"


def test_calendars_leave_days_out(kudu: Kudu) -> None:
    daily: dict[str, Any] = {"schedule": "0 0 12 * * *", "calendars": ["closed"]}
    job = kudu.deploy("triggered", "workdays", "true\n", **daily)

    assert job["error"] is None
    days = [moment[:10] for moment in upcoming(kudu, "workdays")]
    assert days[:3] == ["2027-01-01", "2027-01-04", "2027-01-05"]


def test_five_fields_mean_second_zero(kudu: Kudu) -> None:
    job = kudu.deploy("triggered", "five", "true\n", schedule="30 4 1 1 *")

    assert job["error"] is None
    assert job["next_run"].endswith("-01-01T04:30:00.000000Z")
    assert job["settings"] == {"schedule": "30 4 1 1 *"}


def test_I1601_publish_settings_of_visual_studio_are_a_schedule(kudu: Kudu) -> None:
    publish = {
        "webJobName": "published",
        "runMode": "Scheduled",
        "startTime": "2030-05-01T00:00:00",
        "endTime": "2031-05-01T00:00:00",
        "jobRecurrenceFrequency": "Week",
        "interval": 2,
    }
    files = {"run.sh": "true\n", "webjob-publish-settings.json": json.dumps(publish)}

    job = kudu.put("triggered", "published", files).json()

    assert (job["error"], job["settings"]) == (None, {})
    assert job["next_run"] == "2030-05-01T00:00:00.000000Z"
    assert core(kudu, "published")["trigger"]["recurrence"]["interval"] == 2


def test_a_bad_recurrence_is_listed_with_its_error(kudu: Kudu) -> None:
    bad = {"frequency": "month", "schedule": {"monthDays": [32]}}

    job = kudu.deploy("triggered", "broken", "true\n", recurrence=bad)

    assert "recurrence.schedule.monthDays" in job["error"]
    assert job["next_run"] is None
    assert "broken" in kudu.names("triggered")
    assert kudu.run("broken")["status"] == "Success"
    log = scheduler_log(kudu, "broken", "Failed to schedule WebJob")
    assert "SYS ERR ] Failed to schedule WebJob: recurrence.schedule.monthDays" in log


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"recurrence": {"frequency": "year"}}, "recurrence.frequency"),
        ({"recurrence": {"frequency": "day", "interval": 549}}, "recurrence.interval"),
        (
            {"recurrence": {"frequency": "day", "schedule": {"monthDays": [1]}}},
            "recurrence.schedule.monthDays",
        ),
        ({"recurrence": {"frequency": "day"}, "startTime": "tomorrow"}, "startTime"),
        ({"schedule": "0 61 * * * *"}, "schedule: field 2 (minute)"),
        ({"schedule": "0 0 3 * * *", "calendars": ["unknown"]}, "calendars"),
        ({"schedule": "0 0 3 * * *", "dst": "maybe"}, "dst"),
        ({"startTime": "2030-05-01T00:00:00"}, "startTime"),
    ],
)
def test_settings_with_a_bad_schedule_are_refused_with_the_field(
    kudu: Kudu, settings: dict[str, Any], field: str
) -> None:
    kudu.deploy("triggered", "strict", "true\n", schedule="0 30 4 1 1 *")

    response = kudu.server.put("/api/triggeredwebjobs/strict/settings", json=settings)

    assert response.status_code == 400
    assert field in response.text
    assert kudu.job("triggered", "strict")["settings"] == {"schedule": "0 30 4 1 1 *"}


def test_a_recurrence_ends_after_its_count(kudu: Kudu) -> None:
    once = {"frequency": "hour", "count": 1}
    kudu.deploy("triggered", "counted", "echo once\n", recurrence=once)

    (run,) = until(lambda: kudu.history("counted"), 20, "it has run")
    assert kudu.ended(run["url"])["status"] == "Success"
    assert run["trigger"].startswith("Schedule")

    until(lambda: core(kudu, "counted")["state"] == "finished", 20, "its schedule has ended")
    assert kudu.job("triggered", "counted")["next_run"] is None
    log = scheduler_log(kudu, "counted", "The schedule has ended")
    assert log.count("Invoking WebJob") == 1
    assert len(kudu.history("counted")) == 1
    assert kudu.run("counted")["status"] == "Success"  # by hand it goes on


def test_a_recurrence_ends_at_its_end(kudu: Kudu) -> None:
    end = (clock.now() + timedelta(seconds=20)).isoformat()
    soon = {"frequency": "minute", "endTime": end}
    kudu.deploy("triggered", "ending", "true\n", recurrence=soon)

    until(lambda: kudu.history("ending"), 20, "it runs at once")

    until(lambda: core(kudu, "ending")["state"] == "finished", 20, "its schedule has ended")
    assert kudu.job("triggered", "ending")["next_run"] is None


def test_a_recurrence_counts_from_the_start_of_the_latest_run(kudu: Kudu) -> None:
    """The baseline rule: what has passed since the latest run by ten minutes at most runs now."""
    kudu.deploy("triggered", "baseline", "true\n")
    first = kudu.run("baseline")
    start = (clock.now() - timedelta(minutes=59)).isoformat()
    hourly = {"recurrence": {"frequency": "hour"}, "startTime": start}

    kudu.asked("PUT", "/api/triggeredwebjobs/baseline/settings", json=hourly)

    job = kudu.job("triggered", "baseline")
    assert job["next_run"] > first["start_time"]
    assert job["latest_run"]["id"] == first["id"]
    assert "Scheduling WebJob with " in scheduler_log(kudu, "baseline", "next schedule expected")


def test_the_scheduler_tells_runs_and_what_it_skips(kudu: Kudu) -> None:
    assert kudu.deploy("triggered", "busy", "sleep 60\n")["scheduler_logs_url"] is None

    kudu.deploy("triggered", "busy", "sleep 60\n", schedule="*/2 * * * * *")

    log = scheduler_log(kudu, "busy", "Skipped 1 schedule")
    url = kudu.job("triggered", "busy")["scheduler_logs_url"]
    assert url == f"{kudu.server.url}/vfs/data/jobs/triggered/busy/job_scheduler.log"
    lines = log.split("\r\n")
    assert "SYS INFO] Scheduling WebJob with */2 * * * * * next schedule expected in 00:00:0" in log
    assert sum("SYS INFO] Invoking WebJob (schedule of " in line for line in lines) == 1
    kudu.delete("triggered", "busy")


def test_what_triggered_jobs_write_goes_into_the_application_log_too(kudu: Kudu) -> None:
    kudu.deploy("triggered", "talking", "echo said; echo complained >&2\n")
    kudu.run("talking")
    kudu.set(WEBJOBS_LOG_TRIGGERED_JOBS_TO_APP_LOGS="1")
    kudu.run("talking")
    kudu.unset("WEBJOBS_LOG_TRIGGERED_JOBS_TO_APP_LOGS")

    text = kudu.server.get("/api/vfs/LogFiles/Application/webjobs.txt").text

    assert sorted(line.partition(": ")[2] for line in text.split("\r\n")[:-1]) == [
        "ERR ] talking: complained",
        "INFO] talking: said",
    ]
