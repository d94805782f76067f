"""App settings count before what is configured, and are read as Kudu reads them."""

from dataclasses import dataclass
from typing import Any

import pytest

from jobsched.webjobs import appsettings
from jobsched.webjobs.appsettings import AppSettings


@dataclass(frozen=True, kw_only=True)
class Configured:
    webjobs_root_path: str = ""
    webjobs_idle_timeout: float = 120.0
    webjobs_history_size: int = 30
    webjobs_stopped: bool = False
    webjobs_disable_schedule: bool = False
    webjobs_log_triggered_jobs_to_app_logs: bool = False
    website_time_zone: str = "Europe/Berlin"


@dataclass
class Switches:
    rows: dict[str, dict[str, Any]]

    def get(self, name: str) -> dict[str, Any] | None:
        return self.rows.get(name)


def said(configured: Configured | None = None, **values: str) -> AppSettings:
    return AppSettings(configured=configured or Configured(), values=values)


def test_without_app_settings_what_is_configured_counts() -> None:
    assert said().idle_timeout == 120.0
    assert said().history_size == 30
    assert not said().stopped
    assert said(Configured(webjobs_disable_schedule=True)).schedule_disabled
    assert said().time_zone == "Europe/Berlin"
    assert said().restart_time(60.0) == 60.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5", 5.0), (" 5 ", 5.0), ("0", 0.0), ("-3", 0.0), ("x", 120.0), ("", 120.0), ("1.5", 120.0)],
)
def test_numbers_are_whole_seconds_of_zero_or_more(text: str, seconds: float) -> None:
    assert said(WEBJOBS_IDLE_TIMEOUT=text).idle_timeout == seconds
    assert said(WEBJOBS_RESTART_TIME=text).restart_time(120.0) == seconds


def test_a_name_of_2013_counts_where_that_of_today_says_nothing() -> None:
    assert said(SCM_JOBS_INTERVAL="2").restart_time(60.0) == 2.0
    assert said(SCM_JOBS_INTERVAL="2", WEBJOBS_RESTART_TIME="3").restart_time(60.0) == 3.0
    assert said(SCM_JOBS_IDLE_TIMEOUT="4").idle_timeout == 4.0
    assert said(SCM_MAX_JOB_RUNS="7", WEBJOBS_HISTORY_SIZE="many").history_size == 7


@pytest.mark.parametrize(("text", "kept"), [("5", 5), ("0", 30), ("-1", 30), ("9" * 9, 1_000_000)])
def test_at_least_one_run_is_kept(text: str, kept: int) -> None:
    assert said(WEBJOBS_HISTORY_SIZE=text).history_size == kept


@pytest.mark.parametrize(
    ("text", "truth"), [("1", True), ("True", True), ("0", False), ("", False)]
)
def test_true_is_1_or_true(text: str, truth: bool) -> None:
    assert said(WEBJOBS_STOPPED=text).stopped is truth
    assert said(Configured(webjobs_stopped=True), WEBJOBS_STOPPED=text).stopped is truth
    assert said(WEBJOBS_DISABLE_SCHEDULE=text).schedule_disabled is truth
    assert said(WEBJOBS_LOG_TRIGGERED_JOBS_TO_APP_LOGS=text).logs_to_application is truth


def test_a_time_zone_that_there_is_not_does_not_count() -> None:
    assert said(WEBSITE_TIME_ZONE="Asia/Tokyo").time_zone == "Asia/Tokyo"
    assert said(WEBSITE_TIME_ZONE="Mars").time_zone == "Europe/Berlin"


def test_they_are_read_where_they_are_kept() -> None:
    switches = Switches({"app_settings": {"WEBJOBS_STOPPED": "1"}})

    assert appsettings.read(switches, Configured()).stopped
    assert appsettings.read(Switches({}), Configured()).values == {}


@pytest.mark.parametrize(
    ("app", "configured", "root"),
    [(None, "", ""), (None, "jobs", "jobs"), ("/srv", "jobs", "/srv"), ("  ", "jobs", "jobs")],
)
def test_the_folder_of_jobs_is_the_app_settings_first(
    app: str | None, configured: str, root: str
) -> None:
    values = {} if app is None else {"WEBJOBS_ROOT_PATH": app}

    assert said(Configured(webjobs_root_path=configured), **values).root_path == root
