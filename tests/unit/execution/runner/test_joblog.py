import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from jobsched.execution.runner.joblog import JobLog, LogOrder, verdict

STAMP = re.compile(rb"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d > inst06: ")
EXIT_0 = {"ended_by": "exit", "exit_code": 0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "run"


def new_log(folder: Path, **changes: Any) -> JobLog:
    values: dict[str, Any] = {
        "output": str(folder / "out"),
        "errors": str(folder / "err"),
        "instance": "inst06",
        "script": "run.sh",
        "host": "BashScriptHost",
    }
    return JobLog(LogOrder(**(values | changes)))


def shown(path: Path) -> bytes:
    """Return the file, its stamps cut short to ``>``."""
    return STAMP.sub(b">", path.read_bytes())


def test_lines_have_kudus_form(folder: Path) -> None:
    log = new_log(folder)
    log.begin()
    log.running()
    log.output(0, b"one\ntwo\n")
    log.end(EXIT_0)

    assert shown(folder / "out") == (
        b">SYS INFO] Status changed to Initializing\r\n"
        b">SYS INFO] Run script 'run.sh' with script host - 'BashScriptHost'\r\n"
        b">SYS INFO] Status changed to Running\r\n"
        b">INFO] one\r\n"
        b">INFO] two\r\n"
        b">SYS INFO] Status changed to Success\r\n"
    )


def test_stderr_stands_in_both_files_padded_to_four(folder: Path) -> None:
    log = new_log(folder)
    log.output(1, b"bad\n")
    log.end(EXIT_0)

    assert b">ERR ] bad\r\n" in shown(folder / "out")
    assert shown(folder / "err") == b">ERR ] bad\r\n"


def test_without_stderr_there_is_no_error_file(folder: Path) -> None:
    log = new_log(folder)
    log.output(0, b"good\n")
    log.end(EXIT_0)

    assert not (folder / "err").exists()


def test_what_it_writes_is_collected_under_its_name_in_a_file_of_all_jobs(folder: Path) -> None:
    collected = folder / "all.txt"
    logs = [new_log(folder, collected=str(collected), name=name) for name in ("one", "two")]
    for log in logs:
        log.begin()
        log.output(0, b"hello\nbegun")
        log.flush()
        log.output(1, b"bad\n")
        log.end(EXIT_0)

    assert shown(collected) == b"".join(
        b">INFO] %b: hello\r\n>INFO] %b: begun\r\n>ERR ] %b: bad\r\n" % (name, name, name)
        for name in (b"one", b"two")
    )


def test_the_collected_log_is_rolled_also_where_the_runs_own_is_capped(folder: Path) -> None:
    collected = folder / "all.txt"
    for _ in range(12):
        log = new_log(folder, collected=str(collected), name="one", cap=900, roll_at=300)
        log.output(0, b"x" * 100 + b"\n")
        log.end(EXIT_0)

    sizes = {path.name: path.stat().st_size for path in folder.glob("all.txt*")}
    assert sorted(sizes) == ["all.txt", "all.txt.1", "all.txt.2", "all.txt.3", "all.txt.4"]
    assert max(sizes.values()) <= 300


def test_a_line_may_come_in_pieces(folder: Path) -> None:
    log = new_log(folder)
    for piece in (b"o", b"ne\nt", b"wo"):
        log.output(0, piece)
    log.end(EXIT_0)

    assert b">INFO] one\r\n>INFO] two\r\n>SYS INFO] Status" in shown(folder / "out")


def test_a_piece_is_shown_when_the_stream_rests_and_goes_on_after_it(folder: Path) -> None:
    log = new_log(folder)
    log.output(0, b"10 % ")
    begun = log.pending
    log.flush()
    assert shown(folder / "out") == b">INFO] 10 % "
    log.output(0, b"20 %\nnext\n")

    assert (begun, log.pending) == (True, False)
    assert shown(folder / "out") == b">INFO] 10 % 20 %\r\n>INFO] next\r\n"


def test_another_line_ends_a_piece(folder: Path) -> None:
    log = new_log(folder)
    log.output(0, b"half")
    log.flush()
    log.output(1, b"error\n")
    log.output(0, b" whole\n")

    assert shown(folder / "out") == b">INFO] half\r\n>ERR ] error\r\n>INFO]  whole\r\n"


def test_no_character_is_cut_when_a_piece_is_shown(folder: Path) -> None:
    log = new_log(folder)
    whole = "Größe €😀".encode()
    log.output(0, whole[:-1])
    log.flush()
    assert shown(folder / "out").endswith("Größe €".encode())
    log.output(0, whole[-1:] + b"\n")

    assert shown(folder / "out") == b">INFO] " + whole + b"\r\n"


def test_what_is_no_text_is_kept_byte_for_byte(folder: Path) -> None:
    log = new_log(folder)
    log.output(0, b"\xff\xfe\x00\n")
    log.output(0, b"\xff")
    log.end(EXIT_0)

    assert b">INFO] \xff\xfe\x00\r\n>INFO] \xff\r\n" in shown(folder / "out")


def test_line_ends_of_windows_do_not_double(folder: Path) -> None:
    log = new_log(folder)
    log.output(0, b"one\r\ntwo\r\n")

    assert shown(folder / "out") == b">INFO] one\r\n>INFO] two\r\n"


def test_a_line_without_end_is_shown_in_between(folder: Path) -> None:
    log = new_log(folder)
    log.output(0, b"x" * 100_000)

    assert len((folder / "out").read_bytes()) > 100_000
    assert not log.pending


def test_every_line_is_kept(folder: Path) -> None:
    log = new_log(folder)
    log.output(0, b"".join(b"line %d\n" % number for number in range(1000)))

    assert shown(folder / "out").count(b"\r\n") == 1000


@pytest.mark.parametrize(
    ("facts", "word", "text"),
    [
        (EXIT_0, "Success", None),
        ({"ended_by": "exit", "exit_code": 3}, "Failed", "Job failed due to exit code 3"),
        (
            {"ended_by": "exit", "signal": 9},
            "Failed",
            "Job failed due to signal 9 (SIGKILL)",
        ),
        ({"ended_by": "not_started", "reason": "No php."}, "Failed", "No php."),
        ({"ended_by": "lost", "reason": "Gone."}, "Aborted", "Job aborted (lost): Gone."),
        ({"ended_by": "stop", "reason": "by me"}, "Aborted", "Job aborted (stop): by me"),
    ],
)
def test_each_end_has_its_word_and_sentence(
    facts: dict[str, Any], word: str, text: str | None
) -> None:
    assert verdict(facts) == (word, text)


def test_an_idle_end_names_the_settings() -> None:
    word, text = verdict({"ended_by": "idle", "reason": "Idle for 120 s."})

    assert word == "Aborted"
    assert text is not None
    assert "WEBJOBS_IDLE_TIMEOUT, or idle_timeout in settings.job" in text


def test_an_end_is_told_with_an_error_line(folder: Path) -> None:
    log = new_log(folder)
    log.stopping("timeout", "It ran longer than 5 s.")
    log.end({"ended_by": "exit", "exit_code": 2, "reason": "No copy."})

    assert shown(folder / "out") == (
        b">SYS WARN] Stopping (timeout): It ran longer than 5 s.\r\n"
        b">SYS INFO] Status changed to Failed\r\n"
        b">SYS ERR ] No copy.\r\n"
        b">SYS ERR ] Job failed due to exit code 2\r\n"
    )


def test_a_capped_log_ends_with_a_whole_line_and_says_so(folder: Path) -> None:
    log = new_log(folder, cap=1000)
    wanted = [log.output(0, b"0123456789\n") for _ in range(100)]
    log.end(EXIT_0)

    *lines, notice, status, rest = shown(folder / "out").split(b"\r\n")
    assert set(lines) == {b">INFO] 0123456789"}
    assert notice.startswith(b">SYS WARN] The log ends here, at 1000 bytes")
    assert status == b">SYS INFO] Status changed to Success"
    assert rest == b""
    assert wanted[0] is True
    assert wanted[-1] is False


def test_a_log_that_is_full_in_the_middle_of_a_line_ends_it(folder: Path) -> None:
    log = new_log(folder, cap=30_000)
    for _ in range(4):
        log.output(0, b"z" * 9000)
    log.end(EXIT_0)

    line, notice, *_ = shown(folder / "out").split(b"\r\n")
    assert line.startswith(b">INFO] zzz")
    assert notice.startswith(b">SYS WARN] The log ends here, at 30000 bytes")


def test_a_rolled_log_keeps_the_newest_in_order(folder: Path) -> None:
    rolled = (str(folder / "prev"), str(folder / "prev2"))
    log = new_log(folder, errors=None, rolled=rolled, roll_at=1000)
    for number in range(200):
        log.output(0, b"line %03d\n" % number)

    files = [folder / name for name in ("prev2", "prev", "out")]
    text = b"".join(path.read_bytes() for path in files)
    numbers = [int(found) for found in re.findall(rb"line (\d+)", text)]
    assert numbers == list(range(numbers[0], 200))
    assert all(path.stat().st_size <= 1000 for path in files)
    assert len(list(folder.iterdir())) == 3


def test_two_processes_may_write_to_one_rolled_log(folder: Path) -> None:
    rolled = (str(folder / "prev"),)
    logs = [new_log(folder, errors=None, rolled=rolled, roll_at=5000) for _ in range(2)]
    for number in range(200):
        logs[number % 2].output(0, b"line %03d\n" % number)

    text = (folder / "prev").read_bytes() + (folder / "out").read_bytes()
    assert len(re.findall(rb"> inst06: INFO\] line \d+\r\n", text)) == 200


def test_after_a_torn_line_comes_a_new_one(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "out").write_bytes(b"[half a line")
    log = new_log(folder)
    log.output(0, b"whole\n")

    assert shown(folder / "out") == b"[half a line\r\n>INFO] whole\r\n"


def test_a_full_disk_loses_lines_and_no_more(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = new_log(folder)
    log.output(0, b"before\n")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", _full)
        log.output(0, b"lost\n")
    log.output(0, b"after\n")

    assert shown(folder / "out") == b">INFO] before\r\n\r\n>INFO] after\r\n"


def test_one_that_tells_it_only_when_the_file_is_closed_is_no_trouble_either(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = new_log(folder)
    log.output(0, b"text\n")
    with monkeypatch.context() as patch:
        patch.setattr(os, "close", _full)

        log.end(EXIT_0)

    assert b"Success" in shown(folder / "out")


def test_a_link_in_place_of_a_log_is_not_followed(folder: Path, tmp_path: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "out").symlink_to(tmp_path / "elsewhere")
    log = new_log(folder)
    log.output(0, b"text\n")

    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.timeout(20)
def test_a_named_pipe_in_place_of_a_log_loses_the_log_and_no_more(folder: Path) -> None:
    folder.mkdir(parents=True)
    os.mkfifo(folder / "out")

    log = new_log(folder)
    for _ in range(20):
        log.output(1, b"many words\n" * 1000)  # more than a pipe holds
    log.end(EXIT_0)

    assert (folder / "err").stat().st_size > 20_000
    assert stat.S_ISFIFO((folder / "out").stat().st_mode)


@pytest.mark.timeout(20)
def test_a_named_pipe_that_comes_before_a_rolled_log_is_opened_again_loses_it(
    folder: Path,
) -> None:
    log = new_log(folder, errors=None, rolled=(str(folder / "old"),))
    log.output(0, b"first\n")
    log.waiting(1)  # closes it
    (folder / "out").unlink()
    os.mkfifo(folder / "out")

    for _ in range(20):
        log.output(0, b"many words\n" * 1000)
    (folder / "out").unlink()
    log.output(0, b"last\n")

    assert (folder / "out").read_bytes().endswith(b"INFO] last\r\n")


def _full(*_: object) -> int:
    raise OSError(28, "No space left on device")
