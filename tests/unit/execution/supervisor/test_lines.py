"""The lines of a report: what is understood, and what is only counted."""

import json
import os
from pathlib import Path

import pytest

from jobsched.execution.supervisor import lines
from jobsched.execution.supervisor.lines import BadLine, Entry, ReportLines, entry_of


def read(path: Path) -> list[bytes | None]:
    report = ReportLines(str(path))
    found: list[bytes | None] = []
    while not report.over:
        found += report.portion()
    report.close()
    return found


def test_every_line_is_read_the_last_without_its_end_too(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_bytes(b"one\n\n  \ntwo\r\nthree")

    assert read(path) == [b"one", b"two\r", b"three"]


def test_lines_longer_than_a_block_are_put_together(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_bytes(b"a" * 200_000 + b"\n" + b"b" * 70_000 + b"\nc")

    assert [len(line or b"") for line in read(path)] == [200_000, 70_000, 1]


def test_a_line_that_is_too_long_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_bytes(b"one\n" + b"x" * 3_000_000 + b"\ntwo\n" + b"y" * 300_000)

    assert read(path) == [b"one", None, b"two", None]


def test_what_lies_beyond_the_limit_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LONGEST", 10)
    path = tmp_path / "report"
    path.write_bytes(b"one\ntwo\nthree\nfour\n")

    assert ReportLines(str(path)).cut
    assert read(path) == [b"one", b"two", b"th"]


def test_a_report_that_shrinks_meanwhile_ends_there(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_bytes(b"x\n" * 10)
    report = ReportLines(str(path))
    os.truncate(path, 0)

    assert [*report.portion()] == []
    assert report.over
    report.close()


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("folder", "no regular file"),
        ("link", "symbolic links"),
        ("pipe", "no regular file"),
        ("nothing", "No such file"),
    ],
)
def test_what_is_no_file_is_not_opened(tmp_path: Path, kind: str, why: str) -> None:
    path = tmp_path / "report"
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "pipe":
        os.mkfifo(path)

    with pytest.raises(OSError, match=why):
        ReportLines(str(path))


def test_an_entry_has_what_its_line_says() -> None:
    said = {
        "status": "error",
        "message": "no",
        "data": {"b": 1, "a": [None]},
        "code": "E1",
        "retry_id": 7,
        "told": 1,
    }

    assert entry_of(json.dumps(said).encode()) == Entry(
        status="error",
        message="no",
        data='{"a":[null],"b":1}',
        code="E1",
        retry_id=7,
        told=True,
    )
    assert entry_of(b'{"status":"success","count":5}') == Entry(status="success", count=5)
    assert entry_of(b'{"status":"ignore","more":1}') == Entry(status="ignore")


def test_text_is_made_fit_for_every_database() -> None:
    line = json.dumps({"status": "error", "message": "a\0b\ud800" + "x" * 5000, "code": 404})

    entry = entry_of(line.encode())

    assert entry.message == "a�b�" + "x" * 3996
    assert entry.code == "404"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (None, "longer than"),
        (b"nonsense", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"status": "error"', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"status":"success","count":' + b"9" * 5000 + b"}", "not JSON"),
        (b'["error"]', "no JSON object"),
        (b"{}", '"status"'),
        (b'{"status":"Error"}', '"status"'),
        (b'{"status":["error"]}', '"status"'),
        (b'{"status":"success","count":-1}', '"count"'),
        (b'{"status":"success","count":1.5}', '"count"'),
        (b'{"status":"success","count":true}', '"count"'),
        (b'{"status":"success","count":"1"}', '"count"'),
        (b'{"status":"error","count":2}', "an error with"),
        (b'{"status":"error","retry_id":"a"}', '"retry_id"'),
        (b'{"status":"error","retry_id":99999999999999999999}', '"retry_id"'),
        (b'{"status":"error","data":NaN}', "not JSON"),
        (b'{"status":"error","data":1e999}', "has a number beyond all bounds"),
        (b'{"status":"error","data":' + b"[" * 40 + b"]" * 40 + b"}", "levels deep"),
    ],
)
def test_what_is_no_entry_is_named(line: bytes | None, why: str) -> None:
    with pytest.raises(BadLine, match=why):
        entry_of(line)


def test_many_lists_side_by_side_are_not_deep() -> None:
    assert entry_of(b'{"status":"error","data":[' + b"[]," * 100 + b"0]}").data is not None
