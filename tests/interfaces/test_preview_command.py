"""``python -m jobsched preview``: the next moments of a schedule, without a server."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsched import cli
from tests.support.server import ROOT

FROM = "2026-03-27T12:00:00Z"
CALENDARS = "company: {dates: [2026-04-03, 2026-04-06]}\n"


@pytest.fixture(autouse=True)
def without_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONF_DIR", "TASKS_DIR", "DATA_DIR"):
        monkeypatch.delenv(f"JOBSCHED_{name}", raising=False)


def preview(
    capsys: pytest.CaptureFixture[str], *words: str, begin: str = FROM
) -> tuple[int, list[str], list[str]]:
    """Return the exit code and the lines on stdout and stderr."""
    code = cli.main(["preview", *words, "--from", begin])
    out, err = capsys.readouterr()
    return code, out.splitlines(), err.splitlines()


def configured(folder: Path, calendars: str | None = CALENDARS) -> str:
    """Return a configuration folder with a time zone and calendars."""
    zone = "SCHED_CONFIG = {'apscheduler.timezone': 'Europe/Berlin'}"
    (folder / "jobsched.cfg").write_text(zone, encoding="utf-8")
    if calendars is not None:
        (folder / "calendars.yaml").write_text(calendars, encoding="utf-8")
    return str(folder)


def test_each_moment_is_a_line_in_local_time_and_utc(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = preview(capsys, "0 9 * * *", "--zone", "Europe/Berlin", "-n", "3")

    assert code == 0
    assert out == [
        "2026-03-28T09:00:00+01:00  2026-03-28T08:00:00Z",
        "2026-03-29T09:00:00+02:00  2026-03-29T07:00:00Z",
        "2026-03-30T09:00:00+02:00  2026-03-30T07:00:00Z",
    ]
    assert re.fullmatch(r".*09:00.* \(Europe/Berlin\)", err[0])
    assert len(err) == 1


def test_a_note_is_a_third_column(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = preview(capsys, "30 2 * * *", "--zone", "Europe/Berlin", "-n", "2")

    assert out[0] == "2026-03-28T02:30:00+01:00  2026-03-28T01:30:00Z"
    assert out[1].startswith("2026-03-29T03:00:00+02:00  2026-03-29T01:00:00Z  ")
    assert "02:30" in out[1]


def test_skipped_days_and_warnings_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, err = preview(capsys, "0 9 31 * *", "-n", "2")

    assert [line[:10] for line in out] == ["2026-03-31", "2026-05-31"]
    assert [line for line in err if line.startswith("skipped")] == [
        "skipped 2026-04: April 2026 has no day 31"
    ]

    _, _, err = preview(capsys, "0 9 13 * fri", "-n", "1")

    assert [line.partition(":")[0] for line in err[1:]] == ["warning"]


def test_the_dialect_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    _, either, _ = preview(capsys, "0 9 13 * fri", "-n", "1")
    _, both, _ = preview(capsys, "0 0 9 13 * fri", "-n", "1", "--dialect", "ncrontab")

    assert either[0].startswith("2026-04-03")
    assert both[0].startswith("2026-11-13")


def test_a_trigger_may_be_a_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    trigger = json.dumps({"interval": {"hours": 30}, "count": 1})

    _, out, _ = preview(capsys, trigger, "--zone", "Asia/Tokyo")

    assert out == ["2026-03-29T03:00:00+09:00  2026-03-28T18:00:00Z"]


def test_what_the_object_says_of_from_and_n_holds_unless_a_flag_says_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = '{"cron": "0 9 * * *", "from": "2026-01-01T00:00:00Z", "n": 2}'

    assert cli.main(["preview", asked]) == 0
    assert [line[:10] for line in capsys.readouterr().out.splitlines()] == [
        "2026-01-01",
        "2026-01-02",
    ]
    assert [line[:10] for line in preview(capsys, asked, "-n", "1")[1]] == ["2026-03-28"]


def test_a_trigger_may_come_from_stdin(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = io.BytesIO(b'{"interval": {"hours": 30}, "count": 1}')
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(body))

    assert preview(capsys, "-")[1] == ["2026-03-28T18:00:00+00:00  2026-03-28T18:00:00Z"]


def test_a_trigger_that_ends_has_fewer_lines_than_were_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = preview(capsys, '{"at": "2026-05-01T07:00:00Z"}', "-n", "1000")

    assert (code, len(out)) == (0, 1)


def test_as_json_it_is_what_the_api_answers(
    capsys: pytest.CaptureFixture[str], client: FlaskClient
) -> None:
    asked: dict[str, Any] = {"interval": {"hours": 30}, "timezone": "Europe/Berlin"}

    code, out, err = preview(capsys, json.dumps(asked), "--json", "-n", "4")

    body = {**asked, "from": FROM, "n": 4}
    assert json.loads("\n".join(out)) == client.post("/triggers/preview", json=body).get_json()
    assert (code, err) == (0, [])


def test_zone_and_calendars_come_from_the_configuration(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger = '{"cron": "0 9 3,4 4 *", "calendars": ["company"]}'

    code, out, err = preview(capsys, trigger, "-n", "1", "--conf-dir", configured(tmp_path))

    assert (code, out) == (0, ["2026-04-04T09:00:00+02:00  2026-04-04T07:00:00Z"])
    assert err[1].startswith("skipped 2026-04-03: ")
    assert "company" in err[1]
    monkeypatch.setenv("JOBSCHED_CONF_DIR", str(tmp_path))
    assert preview(capsys, trigger, "-n", "1")[1:] == (out, err)


WRONG: list[tuple[list[str], list[str]]] = [
    (["0 9 * * *", "-n", "0"], ["n must be 1 to 1000."]),
    (["0 9 * * *", "-n", "1001"], ["n must be 1 to 1000."]),
    (["0 9 * * *", "--zone", "Mars/Olympus"], ["timezone must be the IANA name"]),
    (["0 0 30 2 *"], ["never fire"]),
    (["60 * * * *", "--zone", "Mars/Olympus"], ["timezone must be", "60"]),
    (["9 o'clock"], ["cron"]),
    (['{"cron": "0 9 * * *", "zone": 1, "count": 0}'], ["zone is not a field", "count must"]),
    (['{"cron": "0 9 * * *", "n": true}'], ["n must be 1 to 1000."]),
    (['{"cron": "0 9 * * *", "n": 0, "frm": 1}'], ["n must be", "frm is not a field"]),
    (['{"cron": '], ["not JSON"]),
    (['{"interval": {"minutes": NaN}}'], ["NaN"]),
    (['{"cron": "0 9 * * *"}', "--dialect", "unix"], ["--dialect belongs to"]),
    (['{"cron": "0 9 * * *", "timezone": "UTC"}', "--zone", "UTC"], ["said twice"]),
]


@pytest.mark.parametrize(("words", "reasons"), WRONG, ids=str)
def test_refused_input_ends_with_2_and_every_reason(
    words: list[str], reasons: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = preview(capsys, *words)

    assert (code, out, len(err)) == (2, [], len(reasons))
    assert all(line.startswith("jobsched: ") for line in err)
    assert all(any(reason in line for line in err) for reason in reasons)


def test_a_beginning_that_is_no_time_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = preview(capsys, "0 9 * * *", begin="noon")

    assert code == 2
    assert err[0].startswith("jobsched: from must be an ISO 8601 time")


def test_a_broken_configuration_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = configured(tmp_path, "company: 5\n")

    code, _, err = preview(capsys, "0 9 * * *", "--conf-dir", folder)

    assert code == 2
    assert "calendars.yaml" in err[0]


def test_a_folder_that_is_not_there_is_told_by_its_own_flag(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, err = preview(capsys, "0 9 * * *", "--conf-dir", "/nonexistent")

    assert code == 2
    assert any("--conf-dir" in line for line in err)
    assert not any("--tasks-dir" in line for line in err)


def test_whoever_reads_may_stop_when_he_has_enough() -> None:
    reading, writing = os.pipe()
    os.close(reading)

    result = subprocess.run(
        [sys.executable, "-m", "jobsched", "preview", "* * * * *"],
        cwd=ROOT,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
    )

    os.close(writing)
    assert (result.returncode, result.stderr) == (0, "Every minute (UTC)\n")


def test_it_starts_without_the_parts_of_a_server() -> None:
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "jobsched", "preview", "* * * * *"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    loaded = set(re.findall(r"\| +(\w+)$", result.stderr, re.M))
    assert "jobsched" in loaded
    assert loaded & {"flask", "werkzeug", "sqlalchemy", "pydantic", "gunicorn", "yaml"} == set()
