"""Jobs go with their folders; what is deleted leaves nothing, and nothing else is touched."""

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsched import clock
from jobsched.clock import SECOND
from jobsched.errors import Conflict, Unavailable, UnknownWebJob
from jobsched.model import EndedBy, RunState
from jobsched.operations.webjobs import WebJobs, removing, syncing
from jobsched.operations.webjobs.syncing import Syncer
from jobsched.storage import Store
from jobsched.webjobs.places import Site
from tests.support.rows import add_run, claim_all, settle
from tests.support.webjobs import TRIGGERED, job_of, put, ran, verbs_over


def test_a_folder_that_goes_takes_its_job_with_it(
    store: Store, site: Site, webjobs: WebJobs
) -> None:
    folder = put(site, TRIGGERED, "backup")
    put(site, TRIGGERED, "other")
    job, other = job_of(webjobs), job_of(webjobs, "other")
    run = add_run(store, job)
    shutil.rmtree(folder)

    done = webjobs.sync()

    assert done.deleted == [(TRIGGERED, "backup")]
    assert [view.webjob.name for view in webjobs.list()] == ["other"]
    assert webjobs.get(TRIGGERED, "other").job == other
    stopped = store.runs.get(run.id)
    assert stopped is not None
    assert (stopped.state, stopped.ended_by) == (RunState.DONE, EndedBy.STOP)


def test_a_folder_that_is_being_replaced_is_not_gone(
    site: Site, webjobs: WebJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = put(site, TRIGGERED, "backup")
    before = job_of(webjobs)
    aside = folder.rename(folder.parent.parent / "aside")
    monkeypatch.setattr(syncing, "_rest", lambda seconds: aside.rename(folder))

    assert not webjobs.sync()
    assert webjobs.get(TRIGGERED, "backup").job == before


def test_a_job_that_comes_back_has_its_history(store: Store, site: Site, webjobs: WebJobs) -> None:
    folder = put(site, TRIGGERED, "backup")
    job = job_of(webjobs)
    ran(store, job, clock.now_us() - 60 * SECOND)
    shutil.rmtree(folder)
    webjobs.sync()

    put(site, TRIGGERED, "Backup")

    webjobs.sync()
    assert webjobs.get(TRIGGERED, "backup").last_run is not None


def test_delete_removes_files_data_and_history(store: Store, site: Site, webjobs: WebJobs) -> None:
    folder = put(site, TRIGGERED, "backup")
    second = site.roots(TRIGGERED)[1] / "BACKUP"
    second.mkdir(parents=True)
    job = job_of(webjobs)
    ran(store, job, clock.now_us())
    data = site.data(TRIGGERED, "backup") / "2024"
    data.mkdir(parents=True)

    webjobs.delete(TRIGGERED, "Backup", "me")

    assert not folder.exists()
    assert not second.exists()
    assert not data.parent.exists()
    assert list(site.staging().iterdir()) == []
    assert webjobs.list() == []
    assert store.runs.last_of_jobs([job.key]) == {}
    with pytest.raises(UnknownWebJob):
        webjobs.delete(TRIGGERED, "backup", "me")


def test_a_job_uploaded_while_another_of_its_name_ends_is_left_alone(
    store: Store, site: Site, webjobs: WebJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(site, TRIGGERED, "backup")
    job = job_of(webjobs)
    add_run(store, job, created_us=clock.now_us() - SECOND)
    (old,) = claim_all(store)
    new: list[int] = []

    def meanwhile(_: float) -> None:
        if not new:
            settle(store, old.run)
            put(site, TRIGGERED, "backup")
            new.append(add_run(store, job_of(webjobs)).id)
            claim_all(store)
            site.data(TRIGGERED, "backup").mkdir(parents=True)

    monkeypatch.setattr("jobsched.operations.webjobs.removing.time.sleep", meanwhile)
    monkeypatch.setattr(removing, "_MARGIN", 1.0)
    webjobs.delete(TRIGGERED, "backup", "me")

    assert store.runs.get(old.run.id) is None
    living = store.runs.get(new[0])
    assert living is not None
    assert living.state is not RunState.DONE
    assert site.data(TRIGGERED, "backup").exists()
    assert webjobs.get(TRIGGERED, "backup").job.id == job.id


def test_delete_kills_what_has_not_ended_after_a_while_whatever_its_settings_say(
    store: Store, site: Site, webjobs: WebJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(site, TRIGGERED, "stubborn", stopping_wait_time=5_000_000_000)
    run = add_run(store, job_of(webjobs, "stubborn"))
    claim_all(store)
    monkeypatch.setattr(removing, "_LONGEST_GRACE", 0.0, raising=False)
    monkeypatch.setattr(removing, "_MARGIN", 0.2)

    webjobs.delete(TRIGGERED, "stubborn", "me")

    (wish,) = store.claims.stops("here")
    assert (wish.run_id, wish.ended_by) == (run.id, EndedBy.KILL)


def test_delete_of_a_linked_folder_leaves_what_it_links_to(
    site: Site, webjobs: WebJobs, tmp_path: Path
) -> None:
    target = put(Site(tmp_path / "elsewhere"), TRIGGERED, "real")
    root = site.roots(TRIGGERED)[0]
    root.mkdir(parents=True)
    (root / "linked").symlink_to(target)
    webjobs.sync()

    webjobs.delete(TRIGGERED, "linked", "me")

    assert (target / "run.sh").exists()
    assert list(root.iterdir()) == []


def test_a_job_whose_end_cannot_be_noted_stays(
    site: Site, webjobs: WebJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = put(site, TRIGGERED, "backup")
    webjobs.sync()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Syncer, "sync", full)
        with pytest.raises(OSError, match="No space"):
            webjobs.delete(TRIGGERED, "backup", "me")

    assert (folder / "run.sh").exists()
    assert list(site.staging().iterdir()) == []
    webjobs.delete(TRIGGERED, "backup", "me")
    assert not folder.exists()


def test_a_link_in_place_of_the_data_of_a_job_goes_with_it(
    site: Site, webjobs: WebJobs, tmp_path: Path
) -> None:
    put(site, TRIGGERED, "backup")
    webjobs.sync()
    data = site.data(TRIGGERED, "backup")
    data.parent.mkdir(parents=True, exist_ok=True)
    data.symlink_to(tmp_path)

    webjobs.delete(TRIGGERED, "backup", "me")

    assert not data.is_symlink()
    assert tmp_path.exists()


def test_a_folder_on_another_disk_is_removed_as_well(site: Site, webjobs: WebJobs) -> None:
    folder = put(site, TRIGGERED, "backup")
    webjobs.sync()
    site.staging().parent.mkdir(exist_ok=True)
    site.staging().touch()  # nothing can be moved there

    webjobs.delete(TRIGGERED, "backup", "me")

    assert list(folder.parent.iterdir()) == []
    assert webjobs.list() == []


def test_a_folder_that_cannot_be_removed_keeps_its_job(
    site: Site, webjobs: WebJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(site, TRIGGERED, "backup")
    before = job_of(webjobs)

    def busy(path: Path, target: Path) -> Path:
        raise OSError(16, "Device or resource busy")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", busy)
        with pytest.raises(Conflict, match="resource busy"):
            webjobs.delete(TRIGGERED, "backup", "me")

    assert webjobs.get(TRIGGERED, "backup").job == before


def test_what_deleted_jobs_have_left_is_tidied(store: Store, site: Site, webjobs: WebJobs) -> None:
    folder = put(site, TRIGGERED, "gone")
    put(site, TRIGGERED, "kept")
    gone, kept = job_of(webjobs, "gone"), job_of(webjobs, "kept")
    for name, job in (("gone", gone), ("kept", kept)):
        ran(store, job, clock.now_us())
        site.data(TRIGGERED, name).mkdir(parents=True)
    shutil.rmtree(folder)
    webjobs.sync()

    assert webjobs.tidy() == 1

    assert [path.name for path in site.data(TRIGGERED, "").iterdir()] == ["kept"]
    assert [*store.runs.last_of_jobs([gone.key, kept.key])] == [kept.key]


def test_nothing_is_tidied_while_there_is_no_folder_of_jobs(site: Site, webjobs: WebJobs) -> None:
    site.data(TRIGGERED, "gone").mkdir(parents=True)

    assert webjobs.tidy() == 0
    assert site.data(TRIGGERED, "gone").exists()


def test_jobs_of_another_machine_are_left_alone(
    store: Store, site: Site, webjobs: WebJobs, tmp_path: Path
) -> None:
    put(site, TRIGGERED, "backup")
    webjobs.sync()
    shutil.move(tmp_path / "site", tmp_path / "away")  # as seen from there
    (tmp_path / "other").mkdir()

    other = verbs_over(store, tmp_path / "other").webjobs

    assert not other.sync()
    assert [view.webjob.name for view in other.list()] == ["backup"]


def test_a_folder_of_jobs_that_cannot_be_read_deletes_nothing(
    site: Site, webjobs: WebJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(site, TRIGGERED, "backup")
    webjobs.sync()

    def unreadable(path: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "iterdir", unreadable)
        with pytest.raises(Unavailable):
            webjobs.sync()

    assert [view.webjob.name for view in webjobs.list()] == ["backup"]
