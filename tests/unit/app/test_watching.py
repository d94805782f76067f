"""What goes wrong while folders are watched is told and tried again."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import watchfiles

from jobsched import events
from jobsched.app import watching
from jobsched.app.start import Start
from jobsched.app.watching import Watching
from jobsched.calendars import NO_CALENDARS
from jobsched.catalog import Catalog
from jobsched.errors import Unavailable
from jobsched.events import Event
from jobsched.settings import Settings
from jobsched.storage import Store
from jobsched.webjobs.places import Site
from tests.support.databases import migrated
from tests.support.waiting import until
from tests.support.webjobs import TRIGGERED, put


@pytest.fixture
def start(tmp_path: Path) -> Start:
    settings = Settings(conf_dir=tmp_path, tasks_dir=tmp_path, data_dir=tmp_path)
    migrated(settings.database_url).close()
    return Start(settings=settings, catalog=Catalog({}), calendars=NO_CALENDARS)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.roots(TRIGGERED)[0].mkdir(parents=True)
    return site


@pytest.fixture
def told() -> Iterator[list[Event]]:
    heard: list[Event] = []
    stop = events.listen(heard.append)
    yield heard
    stop()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_RETRY", 0.05)
    monkeypatch.setattr(watching, "_LOOK_EVERY", 0.1)


@pytest.fixture
def run(start: Start) -> Iterator[Watching]:
    made = Watching(start, lambda topic: None)
    made.start()
    yield made
    made.stop()


def names(start: Start) -> list[str]:
    store = Store.open(start.settings.database_url)
    try:
        return [webjob.name for webjob in store.webjobs.all()]
    finally:
        store.close()


def trouble(told: list[Event]) -> list[str]:
    return [str(event.fields["reason"]) for event in told if event.name == "web jobs trouble"]


def test_a_new_folder_is_seen(site: Site, start: Start, run: Watching) -> None:
    put(site, TRIGGERED, "first")
    until(lambda: names(start) == ["first"], 5)

    put(site, TRIGGERED, "second")
    until(lambda: names(start) == ["first", "second"], 5)


def test_where_the_disk_tells_nothing_the_folders_are_looked_at(
    site: Site, start: Start, told: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_watches(*_: object, **__: object) -> Iterator[set[Any]]:
        raise OSError(28, "OS file watch limit reached")

    monkeypatch.setattr(watchfiles, "watch", no_watches)
    monkeypatch.setattr(watching, "POLL_EVERY", 0.2)
    run = Watching(start, lambda topic: None)
    run.start()
    try:
        until(lambda: trouble(told), 5)
        put(site, TRIGGERED, "late")
        until(lambda: names(start) == ["late"], 5)
    finally:
        run.stop()

    assert len(trouble(told)) == 1
    assert "OS file watch limit reached" in trouble(told)[0]


def test_a_name_that_is_no_utf8_ends_the_events_only_for_a_while(
    site: Site, start: Start, told: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_SILENT", 1.0)
    run = Watching(start, lambda topic: None)
    run.start()
    try:
        put(site, TRIGGERED, "first")
        until(lambda: names(start) == ["first"], 5)
        (site.roots(TRIGGERED)[0] / os.fsdecode(b"bad\xff")).mkdir()
        put(site, TRIGGERED, "beside")
        until(lambda: names(start) == ["beside", "first"], 5)
        until(lambda: trouble(told), 5)
        until(lambda: run._told, 5, "events are tried again")
        put(site, TRIGGERED, "late")
        until(lambda: names(start) == ["beside", "first", "late"], 5)
    finally:
        run.stop()


def test_network_disks_are_looked_at(
    site: Site, start: Start, told: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobsched.webjobs.events.are_told", lambda folder: False)
    monkeypatch.setattr(watching, "POLL_EVERY", 0.2)
    monkeypatch.delattr(watchfiles, "watch")
    run = Watching(start, lambda topic: None)
    run.start()
    try:
        put(site, TRIGGERED, "remote")
        until(lambda: names(start) == ["remote"], 5)
    finally:
        run.stop()

    assert trouble(told) == []


@pytest.mark.parametrize("error", [Unavailable("The folders cannot be read."), ValueError("boom")])
def test_whatever_goes_wrong_it_goes_on(
    site: Site, start: Start, told: list[Event], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    run = Watching(start, lambda topic: None)
    sync, failed = run._webjobs.sync, threading.Event()

    def broken(*arguments: Any) -> object:
        if not failed.is_set():
            failed.set()
            raise error
        return sync(*arguments)

    monkeypatch.setattr(type(run._webjobs), "sync", lambda _, *arguments: broken(*arguments))
    put(site, TRIGGERED, "survivor")
    run.start()
    try:
        until(lambda: names(start) == ["survivor"], 5)
    finally:
        run.stop()

    assert len(trouble(told)) == 1


def test_a_database_that_is_locked_ends_nothing(site: Site, start: Start, run: Watching) -> None:
    path = start.settings.database_url.removeprefix("sqlite:///")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    put(site, TRIGGERED, "patient")
    other.execute("ROLLBACK")
    other.close()

    until(lambda: names(start) == ["patient"], 10)


def test_a_configuration_that_cannot_be_read_again_is_told(
    site: Site, start: Start, run: Watching, told: list[Event]
) -> None:
    store = Store.open(start.settings.database_url)
    store.switches.put("configuration", {"reloaded_us": 1, "by": "me"})
    store.close()

    until(lambda: trouble(told), 5)
    put(site, TRIGGERED, "all the same")
    until(lambda: names(start) == ["all the same"], 5)
