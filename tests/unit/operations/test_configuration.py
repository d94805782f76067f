"""What a reload puts in force, and what it names as waiting for a restart."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from jobsched import calendars, events
from jobsched.catalog import Catalog
from jobsched.errors import InvalidInput
from jobsched.events import Event
from jobsched.operations.announce import Announcer
from jobsched.operations.configuration import Configuration, Reloading
from jobsched.settings import Settings
from tests.support.databases import migrated


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(conf_dir=tmp_path, tasks_dir=tmp_path, data_dir=tmp_path)


def test_settings_that_wait_have_the_names_that_users_know(settings: Settings) -> None:
    changed = replace(
        settings, job_livetime=7, queue_limit=5, port=4711, volatile=True, sched_warnings=("x",)
    )
    configuration = Configuration(settings, Catalog({}), lambda: (changed, Catalog({}), {}))

    reloaded = configuration.read_again()

    assert reloaded.restart_needed == ["JOBSCHED_PORT", "JOB_LIVETIME", "SCHED_CONFIG"]
    assert (configuration.settings.queue_limit, configuration.settings.port) == (5, settings.port)


def test_a_reload_that_went_well_is_no_warning(settings: Settings) -> None:
    heard: list[Event] = []
    store = migrated(settings.database_url)
    changed = replace(settings, grace=1)
    configuration = Configuration(settings, Catalog({}), lambda: (changed, Catalog({}), {}))
    deaf = events.listen(heard.append)

    Reloading(store, configuration, Announcer(lambda topic: None)).reload("somebody")

    deaf()
    store.close()
    assert [(event.name, event.level) for event in heard] == [
        ("configuration reloaded", logging.INFO)
    ]
    assert heard[0].fields["restart_needed"] == ["GRACE"]


def test_a_reload_puts_calendars_in_force_and_a_broken_file_none(tmp_path: Path) -> None:
    settings = Settings(conf_dir=tmp_path, tasks_dir=tmp_path, data_dir=tmp_path)
    file = tmp_path / "calendars.yaml"
    configuration = Configuration(
        settings, Catalog({}), lambda: (settings, Catalog({}), calendars.load(tmp_path))
    )
    before = dict(configuration.calendars)

    file.write_text("company: {dates: [2026-12-24]}", encoding="utf-8")
    configuration.read_again()
    file.write_text("company: {dates: [2026-12-32], weekly: [x]}", encoding="utf-8")
    with pytest.raises(InvalidInput) as refusal:
        configuration.read_again()

    assert (before, list(configuration.calendars)) == ({}, ["company"])
    assert [error.rule for error in refusal.value.errors] == ["configuration"] * 2
