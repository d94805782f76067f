"""SCHED_CONFIG in both styles, and what is refused with which way out."""

import copy

import pytest

from jobsched.settings.fields import JobDefaults
from jobsched.settings.sched_config import translate


@pytest.mark.parametrize(
    "config",
    [
        {
            "apscheduler.jobstores.default": {"type": "sqlalchemy", "url": "sqlite:///j.db"},
            "apscheduler.executors.default": {"type": "threadpool", "max_workers": "20"},
            "apscheduler.job_defaults.coalesce": "false",
            "apscheduler.job_defaults.max_instances": "3",
            "apscheduler.timezone": "Europe/Berlin",
        },
        {
            "jobstores": {
                "default": {
                    "class": "apscheduler.jobstores.sqlalchemy:SQLAlchemyJobStore",
                    "url": "sqlite:///j.db",
                }
            },
            "executors": {
                "default": {
                    "class": "apscheduler.executors.pool:ThreadPoolExecutor",
                    "max_workers": 20,
                }
            },
            "job_defaults": {"coalesce": False, "max_instances": 3},
            "timezone": "Europe/Berlin",
        },
    ],
)
def test_both_styles_of_version_3_mean_the_same(config: dict[str, object]) -> None:
    before = copy.deepcopy(config)

    result = translate(config)

    assert result.mistakes == []
    assert result.warnings == []
    assert result.database_url == "sqlite:///j.db"
    assert (result.capacity, result.timezone) == (20, "Europe/Berlin")
    assert result.job_defaults == JobDefaults(max_instances=3, coalesce=False)
    assert config == before


def test_version_2_is_translated_with_warnings() -> None:
    result = translate(
        {
            "apscheduler.jobstore.file.class": "apscheduler.jobstores.shelve_store:ShelveJobStore",
            "apscheduler.jobstore.file.path": "/tmp/dbfile",
            "apscheduler.misfire_grace_time": 30,
            "apscheduler.coalesce": True,
            "apscheduler.threadpool.max_threads": 5,
            "apscheduler.daemonic": False,
        }
    )

    assert result.mistakes == []
    assert len(result.warnings) == 6
    assert (result.capacity, result.database_url, result.volatile) == (5, None, False)
    assert result.job_defaults.misfire_grace == 30


def test_the_sql_store_of_version_2_keeps_its_url() -> None:
    result = translate(
        {
            "apscheduler.jobstore.sql.class": "sqlalchemy_store:SQLAlchemyJobStore",
            "apscheduler.jobstore.sql.url": "postgresql://localhost/example",
        }
    )

    assert (result.mistakes, result.database_url) == ([], "postgresql://localhost/example")


@pytest.mark.parametrize(
    ("config", "part"),
    [
        ([], "must be a dictionary"),
        ({"jobstores": {"default": {"type": "redis"}}}, "SQLite or PostgreSQL"),
        ({"jobstores": {"default": {"type": "mongodb"}}}, "SQLite or PostgreSQL"),
        ({"jobstores": {"other": {"type": "memory"}}}, "its alias is 'default'"),
        ({"jobstores": {"default": object()}}, "must be a dictionary"),
        ({"jobstores": {"default": {"type": "sqlalchemy", "ulr": "x"}}}, "mean url?"),
        ({"jobstores": {"default": {"url": "oracle://x"}}}, "must begin with sqlite:"),
        ({"jobstores": {"default": {"url": "mysql://x/y"}}}, "in SQLite or PostgreSQL"),
        ({"jobstores": {"default": {"url": "mariadb+pymysql://x/y"}}}, "in SQLite or PostgreSQL"),
        ({"executors": {"default": {"type": "asyncio"}}}, "use 'threadpool'"),
        ({"executors": {"processes": {"type": "processpool"}}}, "there is one executor"),
        ({"executors": {"default": {"max_workers": 0}}}, "must be from 1"),
        ({"executors": {"default": {"workers": 0}}}, "mean max_workers?"),
        ({"job_defaults": {"misfire_grace_time": -1}}, "must be from"),
        ({"job_defaults": {"max_instance": 2}}, "mean max_instances?"),
        ({"timezone": "Mars/Olympus"}, "must be a time zone"),
        ({"apscheduler.jobstors.default": {"type": "memory"}}, "mean jobstores?"),
        ({"job_default": {}}, "mean job_defaults?"),
        ({"something": 1}, "'something' is unknown"),
    ],
)
def test_what_cannot_be_obeyed_is_refused(config: object, part: str) -> None:
    messages = [message for _, message in translate(config).mistakes]

    assert any(part in message for message in messages), messages


def test_a_second_store_or_executor_is_one_mistake_each() -> None:
    other = {"type": "sqlalchemy", "url": "sqlite:///x.db"}

    result = translate({"jobstores": {"other": other}, "executors": {"other": other}})

    assert [way for way, _ in result.mistakes] == [("jobstores", "other"), ("executors", "other")]


def test_a_process_pool_is_told_to_mean_nothing_of_its_own() -> None:
    result = translate({"executors": {"default": {"type": "processpool"}}})

    assert result.mistakes == []
    assert "every run is a process" in result.warnings[0]


def test_no_limit_for_late_starts() -> None:
    result = translate({"job_defaults": {"misfire_grace_time": None}})

    assert result.job_defaults.misfire_grace is None


@pytest.mark.parametrize("store", [{"type": "memory"}, {"type": "sqlalchemy", "url": "sqlite://"}])
def test_a_store_in_memory_is_volatile(store: dict[str, str]) -> None:
    assert translate({"jobstores": {"default": store}}).volatile
