"""What jobs may do to their report: nothing of it hurts the server, or any other run."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.records import CATALOG, FILES, TASKS, counts, records, retry
from tests.support.runs import done, output, row, start
from tests.support.server import Server
from tests.support.waiting import until

PLACES = {
    "link": 'ln -s /etc/passwd "$JOBSCHED_REPORT"',
    "pipe": 'mkfifo "$JOBSCHED_REPORT"',
    "folder": 'mkdir "$JOBSCHED_REPORT"',
    "device": 'ln -s /dev/zero "$JOBSCHED_REPORT"',
    "sparse": 'truncate -s 10G "$JOBSCHED_REPORT"',
    "noise": 'head -c 5000000 /dev/urandom > "$JOBSCHED_REPORT"',
    "closed": 'echo "{}" > "$JOBSCHED_REPORT"; chmod 0 "$JOBSCHED_REPORT"',
    "folders": 'rm -rf "$(dirname "$JOBSCHED_REPORT")"',
    "moved": 'd=$(dirname "$JOBSCHED_REPORT"); mv "$d" "$d.old"; ln -s "$d.old" "$d"',
    "deep": 'printf "{\\"status\\":\\"error\\",\\"data\\":" > "$JOBSCHED_REPORT"; '
    'head -c 100000 /dev/zero | tr "\\0" "[" >> "$JOBSCHED_REPORT"',
}
SHARED = Path("/var/lib/jobsched")
SECTION = "\n[{name}]\nfile=runscript.py\nclass=RunScript\nscript={name}.sh\n"
CATALOG_ALL = CATALOG + "".join(SECTION.format(name=name) for name in PLACES)
SCRIPTS = {f"{name}.sh": f"#!/bin/bash\n{line}\n" for name, line in PLACES.items()}
OTHER = """
[other]
file=runscript.py
class=RunScript
script=records.sh
jobsched.run_as=nobody
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("hostile")
    files = {**FILES, **SCRIPTS}
    with Server(folder, catalog=CATALOG_ALL, tasks=TASKS, files=files) as server:
        yield server


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("link", "cannot be read: Too many levels of symbolic links"),
        ("pipe", None),
        ("folder", "is no regular file, or has a second name"),
        ("device", "cannot be read: Too many levels of symbolic links"),
        ("sparse", "longer than 262144 bytes"),
        ("noise", "are no records"),
        ("deep", "not JSON"),
        ("folders", None),
        ("moved", None),
    ],
)
def test_whatever_stands_in_its_place_the_run_ends_as_it_did(
    server: Server, place: str, why: str | None
) -> None:
    ended = done(server, start(server, place), 60)

    assert ended["outcome"] == "succeeded", ended
    assert ended["reason"] is None if why is None else why in ended["reason"]
    assert ".." not in (ended["reason"] or "").replace("...", "")
    # What comes afterwards has its report again.
    after = done(server, start(server, "script"))
    assert counts(after) == (3, 3, 2)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_report_that_is_closed_is_named(server: Server) -> None:
    ended = done(server, start(server, "closed"))

    assert "cannot be read: Permission denied" in ended["reason"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run jobs of other users")
def test_a_job_of_another_user_reports_and_retries(tmp_path: Path) -> None:
    # Its script has to be where this user may read it.
    script = FILES["records.sh"]
    tmp_path.chmod(0o711)
    catalog = OTHER.replace("script=records.sh", "script=/var/tmp/jobsched-records-test.sh")
    place = Path("/var/tmp/jobsched-records-test.sh")
    place.write_text(script)
    place.chmod(0o755)
    before = {*SHARED.glob("*")}
    try:
        with Server(tmp_path, catalog=catalog, cfg="ENVIRONMENT = ['PATH']\n") as server:
            server.folder.joinpath("work").chmod(0o711)
            run = start(server, "other")
            first = done(server, run)
            assert (first["outcome"], counts(first)) == ("succeeded", (3, 3, 2)), first
            assert [one["code"] for one in records(server, run)] == ["E1", "E1", None]

            again = retry(server, f"/runs/{run}")
            done(server, again)

            assert len(output(server, again).splitlines()) == 3
            assert counts(row(server, run)) == (6, 0, 2)
            [shared] = {*SHARED.glob("*")} - before
            assert shared.stat().st_mode & 0o777 == 0o711
            until(lambda: not [*shared.glob("*.records")])
            server.stop()
            assert not shared.exists()
    finally:
        place.unlink()
