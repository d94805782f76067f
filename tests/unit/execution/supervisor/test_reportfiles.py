"""Where the files of runs lie, and what is made of them."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsched.execution.supervisor.handover import Handover
from jobsched.execution.supervisor.refusing import CannotStart
from jobsched.execution.supervisor.reportfiles import ReportFiles
from jobsched.storage import Store
from jobsched.storage.claims import Settlement
from jobsched.storage.records import Failure, Given, Portion
from jobsched.storage.tallies import Report
from tests.support.databases import migrated
from tests.support.rows import NOON, add_run, claim_all, end_of, reread

PAGES: list[list[Given]] = [[(7, '{"id":1}'), (8, None)], [(9, '"x"')]]


@pytest.fixture
def files(tmp_path: Path) -> ReportFiles:
    return ReportFiles(tmp_path / "data")


def test_a_run_is_told_its_report_and_the_command(files: ReportFiles, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "reports"

    told = files.variables((5, 1), None, records=False)

    assert told == {
        "JOBSCHED_REPORT": f"{folder}/5.1.report",
        "JOBSCHED_RECORD": f"{folder}/jobsched-record",
    }
    assert folder.stat().st_mode & 0o777 == 0o700
    assert files.report_of((5, 1)) is None
    done = subprocess.run(
        [told["JOBSCHED_RECORD"], "--error", "no"],
        env={"JOBSCHED_REPORT": told["JOBSCHED_REPORT"]},
        check=False,
        timeout=30,
    )
    assert done.returncode == 0
    assert files.report_of((5, 1)) == told["JOBSCHED_REPORT"]
    assert files.left() == [(5, 1)]
    files.remove((5, 1))
    assert files.left() == []


def test_the_command_goes_without_the_python_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/it's python")
    told = ReportFiles(tmp_path).variables((5, 1), None, records=False)

    done = subprocess.run(
        [told["JOBSCHED_RECORD"], "--success"],
        env={"JOBSCHED_REPORT": told["JOBSCHED_REPORT"], "PATH": os.environ["PATH"]},
        check=False,
        timeout=30,
    )

    assert done.returncode == 0


def test_records_are_written_page_by_page(files: ReportFiles, tmp_path: Path) -> None:
    steps = files.write_records((5, 1), None, iter(PAGES))

    assert [*steps] == [2, 3]

    path = files.variables((5, 1), None, records=True)["JOBSCHED_RECORDS"]
    found = [json.loads(line) for line in Path(path).read_text().splitlines()]
    assert [(one["retry_id"], one["data"]) for one in found] == [
        (7, {"id": 1}),
        (8, None),
        (9, "x"),
    ]
    assert Path(path).stat().st_mode & 0o777 == 0o600
    assert files.made((5, 1))


def test_without_records_there_is_no_file(files: ReportFiles) -> None:
    assert [*files.write_records((5, 1), None, iter([]))] == []
    assert (files.left(), files.made((5, 1))) == ([], False)


def test_what_lies_in_the_way_of_records_is_replaced(files: ReportFiles, tmp_path: Path) -> None:
    files.variables((5, 1), None, records=False)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "data" / "reports" / "5.1.records").symlink_to(victim)

    assert [*files.write_records((5, 1), None, iter(PAGES))] == [2, 3]

    assert victim.read_text() == "precious"


def test_without_a_place_a_run_is_told_nothing(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")

    assert ReportFiles(tmp_path / "data").variables((5, 1), None, records=False) == {}


def test_files_of_nobody_are_not_ours(files: ReportFiles, tmp_path: Path) -> None:
    files.variables((5, 1), None, records=False)
    for name in ("x.report", "1.report", "1.2.3.report", "1.2.other", "\u0661.1.report"):
        (tmp_path / "data" / "reports" / name).touch()

    assert files.left() == []


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = migrated(f"sqlite:///{tmp_path}/jobsched.db")
    yield store
    store.close()


def test_a_retry_waits_until_its_records_are_written(store: Store, files: ReportFiles) -> None:
    run = add_run(store)
    claim_all(store)
    failures = [Failure(number=n, message="no", data=str(n)) for n in (1, 2)]
    store.records.take([Portion(run_id=run.id, failures=failures)], NOON)
    store.claims.settle([Settlement(end=end_of(run), report=Report(errors=2))], NOON)
    retry = store.runs.retry(run.id)
    claim_all(store)
    retry = reread(store, retry)
    handover = Handover(store.records, files)

    assert not handover.begin("r1", run, None)
    assert handover.begin("r1", retry, None)

    key = (retry.id, retry.claim)
    assert (handover.busy, handover.holds(key)) == (True, True)
    assert [*handover.step()] == []
    [prepared] = handover.step()
    assert (prepared.run, prepared.runner, prepared.failure) == (retry, "r1", None)
    assert not handover.busy
    told = handover.variables(retry, None)
    assert len(Path(told["JOBSCHED_RECORDS"]).read_text().splitlines()) == 2
    assert "JOBSCHED_RECORDS" not in handover.variables(run, None)


def test_a_retry_that_goes_back_to_the_queue_leaves_no_file(
    store: Store, files: ReportFiles
) -> None:
    run = add_run(store)
    claim_all(store)
    store.records.take([Portion(run_id=run.id, failures=[Failure(number=1, message="")])], NOON)
    store.claims.settle([Settlement(end=end_of(run), report=Report(errors=1))], NOON)
    retry = store.runs.retry(run.id)
    handover = Handover(store.records, files)
    handover.begin("r1", retry, None)
    assert [*handover.step()] == []
    assert files.left() == [(retry.id, retry.claim)]

    handover.forget((retry.id, retry.claim))

    assert (files.left(), handover.busy) == ([], False)


def test_a_disk_that_is_full_is_our_want_not_the_retrys_failure(
    store: Store, tmp_path: Path
) -> None:
    (tmp_path / "data").write_text("a file")
    files = ReportFiles(tmp_path / "data")
    run = add_run(store)
    claim_all(store)
    store.records.take([Portion(run_id=run.id, failures=[Failure(number=1, message="")])], NOON)
    store.claims.settle([Settlement(end=end_of(run), report=Report(errors=1))], NOON)
    retry = store.runs.retry(run.id)
    handover = Handover(store.records, files)
    handover.begin("r1", retry, None)

    [prepared] = handover.step()

    assert prepared.failure is not None
    assert "Not a directory" in prepared.failure or "exists" in prepared.failure
    assert handover.drop((retry.id, retry.claim)) is False
    handover._given.add((retry.id, retry.claim))
    with pytest.raises(CannotStart, match="no place"):
        handover.variables(retry, None)
