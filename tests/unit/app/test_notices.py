"""Notices: what is told at the start depends on rights, tokens and settings."""

import os
from pathlib import Path

import pytest

from jobsched.app.notices import notices
from jobsched.settings import Settings


def names_of(*, tokens: bool = True, uid: int = 0, **values: object) -> list[str]:
    settings = Settings(conf_dir=Path(), tasks_dir=Path(), **values)  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: uid)
        patch.setattr("jobsched.app.notices.wal_reset_fault", lambda: "3.40.0")
        return [event.name for event in notices(settings, tokens)]


def test_jobs_that_run_as_root_are_told_until_somebody_decides() -> None:
    assert "jobs run as root" in names_of()
    assert "jobs run as root" not in names_of(run_as="nobody")
    assert "jobs run as root" not in names_of(allow_root_jobs=True)
    assert "jobs run as root" not in names_of(uid=1000)


def test_where_everybody_is_root_an_open_loopback_is_told() -> None:
    assert "loopback is open" in names_of(tokens=False)
    assert "loopback is open" not in names_of(tokens=True)
    assert "loopback is open" not in names_of(tokens=False, uid=1000)


def test_a_server_that_listens_everywhere_should_be_given_names() -> None:
    assert "no trusted hosts" in names_of(host="0.0.0.0")  # noqa: S104
    assert "no trusted hosts" not in names_of(host="0.0.0.0", trusted_hosts=("a.example",))  # noqa: S104
    assert "no trusted hosts" not in names_of(host="127.0.0.1")


def test_an_old_sqlite_is_told_where_it_is_used() -> None:
    assert names_of().count("sqlite is old") == 1
    assert "sqlite is old" not in names_of(database_url="postgresql://host/db")


def test_every_warning_of_the_settings_is_told() -> None:
    assert names_of(sched_warnings=("one", "two")).count("configuration warning") == 2
