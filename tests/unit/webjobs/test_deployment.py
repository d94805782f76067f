"""A deployment is whole or not at all, and the version before it is kept."""

import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jobsched.errors import Conflict, InvalidInput, UnknownWebJob
from jobsched.webjobs import deployment
from jobsched.webjobs.deployment import Deployments
from jobsched.webjobs.places import Site
from tests.support import zips
from tests.support.deployments import (
    NEW,
    OLD,
    SCRIPTS,
    TRIGGERED,
    files_of,
    merge,
    put,
    put_file,
    staged,
)


def test_a_new_job_is_there_and_nothing_is_left_over(deployments: Deployments, site: Site) -> None:
    place = put(deployments, "hello", NEW)

    assert place.folder == site.wwwroot / "App_Data" / "jobs" / "triggered" / "hello"
    assert files_of(place.folder) == NEW
    assert staged(site) == []
    assert not deployments.has_previous(place)


def test_an_archive_replaces_all_and_the_old_version_is_kept(
    deployments: Deployments, site: Site
) -> None:
    put(deployments, "hello", OLD)

    place = put(deployments, "hello", NEW)

    assert files_of(place.folder) == NEW
    assert files_of(site.previous(TRIGGERED, "hello")) == OLD
    assert staged(site) == []


def test_one_file_replaces_all(deployments: Deployments) -> None:
    put(deployments, "hello", OLD)

    place = put_file(deployments, "hello", "go.cmd", b"echo", "replace_by_file")

    assert files_of(place.folder) == {"go.cmd": b"echo"}
    assert os.access(place.folder / "go.cmd", os.X_OK)


def test_a_merge_adds_and_overwrites_but_never_clears(deployments: Deployments, site: Site) -> None:
    put(deployments, "hello", OLD)
    (site.folder(TRIGGERED, "hello") / "link").symlink_to("run.sh")

    place = merge(deployments, "hello", NEW)

    assert files_of(place.folder) == {**OLD, **NEW, "link": NEW["run.sh"]}
    assert files_of(site.previous(TRIGGERED, "hello")) == {**OLD, "link": OLD["run.sh"]}


def test_a_file_is_merged(deployments: Deployments) -> None:
    put(deployments, "hello", OLD)

    place = put_file(deployments, "hello", "more.py", b"print()", "merge_file")

    assert files_of(place.folder) == {**OLD, "more.py": b"print()"}


def test_a_merge_makes_a_job_that_is_not_there(deployments: Deployments) -> None:
    assert files_of(merge(deployments, "hello", NEW).folder) == NEW


@pytest.mark.parametrize("added", [{"data": b"no folder"}, {"run.sh/x": b""}, {"link/x": b""}])
def test_a_file_is_not_laid_over_a_folder_nor_through_a_link(
    deployments: Deployments, site: Site, tmp_path: Path, added: dict[str, bytes]
) -> None:
    put(deployments, "hello", OLD)
    (site.folder(TRIGGERED, "hello") / "link").symlink_to(tmp_path)

    with pytest.raises(InvalidInput, match="something else"):
        merge(deployments, "hello", added)

    assert files_of(site.folder(TRIGGERED, "hello")) == OLD
    assert staged(site) == []


@pytest.mark.parametrize("files", [{"readme.txt": b""}, {}, {"settings.job": b"{}"}, b"no zip"])
@pytest.mark.parametrize("before", [None, OLD])
def test_what_holds_no_script_is_refused_and_changes_nothing(
    deployments: Deployments,
    site: Site,
    before: dict[str, bytes] | None,
    files: dict[str, bytes] | bytes,
) -> None:
    if before is not None:
        put(deployments, "hello", before)

    with pytest.raises(InvalidInput):
        put(deployments, "hello", files)

    assert files_of(site.folder(TRIGGERED, "hello")) == (before or {})
    assert site.folder(TRIGGERED, "hello").exists() is (before is not None)
    assert staged(site) == []


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "-a", "_a", "a.b", "ä", "a" * 65, "a\0", "a b"]
)
def test_a_new_name_follows_the_rule(deployments: Deployments, name: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        deployments.place(TRIGGERED, name)

    assert refusal.value.errors[0].field == "name"


def test_names_are_found_without_case_and_as_they_are_on_disk(
    deployments: Deployments, site: Site
) -> None:
    put(deployments, "Hello", OLD)
    site.folder(TRIGGERED, "odd (name).1").mkdir()

    assert put(deployments, "hELLO", NEW).name == "Hello"
    assert put(deployments, "Odd (Name).1", NEW).name == "odd (name).1"
    assert [path.name for path in sorted(site.roots(TRIGGERED)[0].iterdir())] == [
        "Hello", "odd (name).1",
    ]  # fmt: skip


def test_a_job_of_the_second_root_is_replaced_there(deployments: Deployments, site: Site) -> None:
    second = site.roots(TRIGGERED)[1] / "hello"
    second.mkdir(parents=True)

    assert put(deployments, "hello", NEW).folder == second


def test_a_rollback_changes_the_two_versions_and_back(deployments: Deployments, site: Site) -> None:
    put(deployments, "hello", OLD)
    put(deployments, "hello", NEW)

    place = deployments.rollback(TRIGGERED, "HELLO")

    assert (files_of(place.folder), files_of(site.previous(TRIGGERED, "hello"))) == (OLD, NEW)
    assert files_of(deployments.rollback(TRIGGERED, "hello").folder) == NEW
    assert staged(site) == []


def test_only_what_was_deployed_twice_can_be_rolled_back(deployments: Deployments) -> None:
    with pytest.raises(UnknownWebJob):
        deployments.rollback(TRIGGERED, "hello")
    put(deployments, "hello", OLD)
    with pytest.raises(Conflict, match="no earlier version"):
        deployments.rollback(TRIGGERED, "hello")


def test_a_removed_job_has_no_earlier_version(deployments: Deployments, site: Site) -> None:
    put(deployments, "hello", OLD)
    place = put(deployments, "hello", NEW)

    assert deployments.remove(place)
    assert not deployments.remove(place)
    put(deployments, "hello", OLD)
    with pytest.raises(Conflict):
        deployments.rollback(TRIGGERED, "hello")
    assert staged(site) == []


def test_two_uploads_of_one_job_do_not_mix(deployments: Deployments, site: Site) -> None:
    versions = [{f"{number}.sh": b"%d" % number for _ in range(2)} for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda files: put(deployments, "hello", files), versions))

    assert files_of(site.folder(TRIGGERED, "hello")) in versions
    assert files_of(site.previous(TRIGGERED, "hello")) in versions
    assert staged(site) == []


def test_two_merges_at_once_lose_nothing(deployments: Deployments, site: Site) -> None:
    versions = [{f"{number}.sh": b"%d" % number} for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda files: merge(deployments, "hello", files), versions))

    assert len(files_of(site.folder(TRIGGERED, "hello"))) == 20


def test_first_uploads_under_names_that_differ_in_case_make_one_job(
    deployments: Deployments, site: Site
) -> None:
    one, other = (deployments.place(TRIGGERED, name) for name in ("Hello", "hello"))
    for place in (one, other):
        with deployments.upload(place) as entry:
            entry.receive(io.BytesIO(zips.zipped(NEW)))
            deployments.replace_by_archive(place, entry)

    assert [path.name for path in site.roots(TRIGGERED)[0].iterdir()] == ["Hello"]


def test_files_that_change_without_a_change_of_time_get_a_new_one(
    deployments: Deployments, site: Site
) -> None:
    folder = site.folder(TRIGGERED, "hello")
    times = []
    for version in ({"run.sh": b"1", "a": b"x"}, {"run.sh": b"2", "a": b"x"}):
        put(deployments, "hello", version)
        times.append({path.name: path.stat().st_mtime_ns for path in folder.iterdir()})

    assert times[0]["run.sh"] != times[1]["run.sh"]
    assert times[0]["a"] == times[1]["a"]


def test_jobs_on_another_file_system_are_deployed_there(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "_same_file_system", lambda _one, _other: False)
    deployments = Deployments(site, SCRIPTS)
    put(deployments, "hello", OLD)
    place = put(deployments, "hello", NEW)

    assert not site.staging().exists()
    assert files_of(place.folder.parent.parent / ".jobsched" / "previous") == {
        f"triggered/hello/{name}": data for name, data in OLD.items()
    }
    assert files_of(deployments.rollback(TRIGGERED, "hello").folder) == OLD
