"""Deployments killed at any moment leave the old version or the new one, and no third."""

import io
import shutil
from collections.abc import Callable

import pytest

from jobsched.webjobs.deployment import Deployments, Place
from jobsched.webjobs.places import Site
from tests.support import zips
from tests.support.deployments import (
    NEW,
    OLD,
    TRIGGERED,
    all_deaths,
    files_of,
    merge,
    put,
    staged,
)


@pytest.mark.parametrize("how", [put, merge])
def test_an_upload_killed_at_any_moment_leaves_the_old_or_the_new(
    deployments: Deployments,
    site: Site,
    how: Callable[[Deployments, str, dict[str, bytes]], Place],
) -> None:
    old, new = {"run.sh": b"old", "a": b"1"}, {"run.sh": b"new", "a": b"2", "b/c": b"3"}
    put(deployments, "hello", {"run.sh": b"oldest"})
    put(deployments, "hello", old)
    seen: list[dict[str, bytes]] = []

    def check() -> None:
        deployments.clean()
        seen.append(present := files_of(site.folder(TRIGGERED, "hello")))
        assert present in (old, new)
        assert staged(site) == []
        if present == new:
            assert files_of(site.previous(TRIGGERED, "hello")) == old
            deployments.rollback(TRIGGERED, "hello")

    assert all_deaths(lambda: how(deployments, "hello", new), check) > 20
    assert seen[0] == old
    assert seen[-1] == new


def test_a_first_upload_killed_at_any_moment_leaves_nothing_or_all(
    deployments: Deployments, site: Site
) -> None:
    def check() -> None:
        deployments.clean()
        assert files_of(folder := site.folder(TRIGGERED, "hello")) in ({}, NEW)
        assert folder.exists() is bool(files_of(folder))
        assert staged(site) == []
        deployments.remove(deployments.place(TRIGGERED, "hello"))

    assert all_deaths(lambda: put(deployments, "hello", NEW), check) > 10


def test_several_merges_killed_at_any_moment_leave_each_job_old_or_new(
    deployments: Deployments, site: Site
) -> None:
    names = ["one", "two"]
    for name in names:
        put(deployments, name, OLD)
    seen: list[list[bool]] = []

    def work() -> None:
        parts = []
        for name in names:
            folder = site.root / "added" / name
            (folder / "data").mkdir(parents=True)
            for path, data in NEW.items():
                (folder / path).write_bytes(data)
            parts.append((deployments.place(TRIGGERED, name), folder))
        deployments.merge_folders(parts, lambda: None)

    def check() -> None:
        deployments.clean()
        found = [files_of(site.folder(TRIGGERED, name)) for name in names]
        assert all(files in (OLD, {**OLD, **NEW}) for files in found)
        assert staged(site) == []
        seen.append([files != OLD for files in found])
        shutil.rmtree(site.root / "added", ignore_errors=True)
        for name, files in zip(names, found, strict=True):
            if files != OLD:
                deployments.rollback(TRIGGERED, name)

    assert all_deaths(work, check) > 20
    assert (seen[0], seen[-1]) == ([False, False], [True, True])


def test_a_rollback_killed_at_any_moment_keeps_both_versions(
    deployments: Deployments, site: Site
) -> None:
    put(deployments, "hello", OLD)
    put(deployments, "hello", NEW)

    def check() -> None:
        deployments.clean()
        both = [site.folder(TRIGGERED, "hello"), site.previous(TRIGGERED, "hello")]
        assert sorted(map(str, map(files_of, both))) == sorted(map(str, [OLD, NEW]))
        assert staged(site) == []

    assert all_deaths(lambda: deployments.rollback(TRIGGERED, "hello"), check) > 3


def test_what_lives_is_not_cleaned_away(deployments: Deployments) -> None:
    place = deployments.place(TRIGGERED, "hello")
    with deployments.upload(place) as entry:
        entry.receive(io.BytesIO(zips.zipped(NEW)))
        deployments.clean()
        deployments.replace_by_archive(place, entry)

    assert files_of(place.folder) == NEW


def test_versions_of_jobs_that_are_gone_are_cleaned_away(
    deployments: Deployments, site: Site
) -> None:
    put(deployments, "hello", OLD)
    put(deployments, "hello", NEW)
    shutil.rmtree(site.folder(TRIGGERED, "hello"))
    (site.staging() / "nonsense").touch()

    deployments.clean()

    assert not site.previous(TRIGGERED, "hello").exists()
    assert staged(site) == []
