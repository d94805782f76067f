"""Ends wait until what their runs reported is in the rows; others pass them by."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsched.errors import DatabaseBusy
from jobsched.execution.supervisor import reports
from jobsched.execution.supervisor.reportfiles import ReportFiles
from jobsched.execution.supervisor.reports import Reports
from jobsched.model import Run
from jobsched.storage import Store
from jobsched.storage.claims import Settlement
from jobsched.storage.tallies import Report
from tests.support.databases import migrated
from tests.support.rows import add_run, claim_all, end_of, reread, settle

BLOCK = 1 << 16


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = migrated(f"sqlite:///{tmp_path}/jobsched.db")
    yield store
    store.close()


@pytest.fixture
def files(tmp_path: Path) -> ReportFiles:
    return ReportFiles(tmp_path)


def begun(store: Store, count: int = 1) -> list[Run]:
    runs = [add_run(store) for _ in range(count)]
    claim_all(store)
    return [reread(store, run) for run in runs]


def write(files: ReportFiles, run: Run, *lines: object) -> Path:
    path = Path(files.variables((run.id, 1), None, records=False)["JOBSCHED_REPORT"])
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def ends_of(*runs: Run) -> dict[tuple[int, int], Settlement]:
    return {(run.id, 1): Settlement(end=end_of(run)) for run in runs}


def error(data: object = None) -> dict[str, object]:
    return {"status": "error", "message": "no", "data": data}


def test_a_short_report_is_taken_over_at_once(store: Store, files: ReportFiles) -> None:
    [run, silent] = begun(store, 2)
    path = write(files, run, error(1), error(2))
    one = Reports(store, files)

    ready = one.ready(ends_of(run, silent))

    assert ready[run.id, 1].report == Report(errors=2)
    assert ready[silent.id, 1].report is None
    assert [record.data for record in store.records.of_run(run.id, 10).values] == [1, 2]
    one.settled(ready)
    assert not path.exists()


def test_a_long_report_holds_up_no_other_run(store: Store, files: ReportFiles) -> None:
    [long, short] = begun(store, 2)
    write(files, long, *[error("x" * 1000) for _ in range(12 * BLOCK // 1000)])
    write(files, short, error())
    one = Reports(store, files)

    first = one.ready(ends_of(long, short))

    assert [*first] == [(short.id, 1)]
    one.settled(first)
    steps = 0
    while not (ready := one.ready(ends_of(long))):
        steps += 1
    assert steps >= 1
    assert ready[long.id, 1].report == Report(errors=12 * BLOCK // 1000)


def test_a_database_that_is_busy_loses_nothing(
    store: Store, files: ReportFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    [run] = begun(store)
    write(files, run, error(1), error(2))
    one = Reports(store, files)
    with monkeypatch.context() as busy:
        busy.setattr(store.records, "take", _refuse)
        with pytest.raises(DatabaseBusy):
            one.ready(ends_of(run))

    ready = one.ready(ends_of(run))

    assert ready[run.id, 1].report == Report(errors=2)
    assert len(store.records.of_run(run.id, 10).values) == 2


def _refuse(*_: object) -> None:
    raise DatabaseBusy("busy")


def test_a_report_that_cannot_be_read_is_named(store: Store, files: ReportFiles) -> None:
    [run] = begun(store)
    path = write(files, run)
    path.unlink()
    path.symlink_to("/etc/passwd")

    ready = Reports(store, files).ready(ends_of(run))

    report = ready[run.id, 1].report
    assert report is not None
    assert (report.note or "").startswith("Its report cannot be read: Too many levels")


def test_what_dead_supervisors_have_left_is_removed(store: Store, files: ReportFiles) -> None:
    [over, alive, held] = begun(store, 3)
    paths = [write(files, run, error()) for run in (over, alive, held)]
    gone = paths[0].with_name("999.1.report")
    older = paths[0].with_name(f"{alive.id}.0.records")
    for path in (gone, older):
        path.touch()
    settle(store, over)

    Reports(store, files).tidy({(held.id, 1)})

    left = [path.exists() for path in (*paths, gone, older)]
    assert left == [False, True, True, False, False]


def test_one_step_reads_no_more_than_a_few_blocks(store: Store, files: ReportFiles) -> None:
    many = begun(store, reports._PORTIONS + 2)
    for run in many:
        write(files, run, error())
    one = Reports(store, files)

    first = one.ready(ends_of(*many))
    second = one.ready(ends_of(*many))

    assert (len(first), len(second)) == (reports._PORTIONS, reports._PORTIONS + 2)
