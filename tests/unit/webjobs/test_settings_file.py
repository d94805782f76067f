import json
import stat
from pathlib import Path

import pytest

from jobsched.webjobs import settings_file

FILE = settings_file.FILE


def test_without_a_file_there_are_no_settings(tmp_path: Path) -> None:
    found = settings_file.read(tmp_path)

    assert (found.values, found.error) == ({}, None)


def test_everything_in_the_file_is_kept(tmp_path: Path) -> None:
    values = {"one": 1, "schedule": "x", "nested": {"ä": [None, True, 1.5]}}
    (tmp_path / FILE).write_text(json.dumps(values), encoding="utf-8")

    assert settings_file.read(tmp_path).values == values


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"a": 1}', encoding="utf-8-sig")

    assert settings_file.read(tmp_path).values == {"a": 1}


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "is empty"),
        (b"{", "is not valid JSON"),
        (b'{"a": NaN}', "NaN is no number"),
        (b"[1]", "holds no JSON object"),
        (b"\xff\xfe{}", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
        (b'{"a": 1e999}', "1e999 is no number"),
        (b'{"a": "\\ud800"}', "holds half a character"),
        (b'{"a": ' * 40 + b"1" + b"}" * 40, "is nested deeper than 32"),
        (b'{"a": ' + b"[" * 40 + b"1" + b"]" * 40 + b"}", "is nested deeper than 32"),
        (b" " * (settings_file.LARGEST + 1), "is larger than"),
    ],
)
def test_a_broken_file_counts_as_empty_and_its_fault_is_told(
    tmp_path: Path, raw: bytes, says: str
) -> None:
    (tmp_path / FILE).write_bytes(raw)

    found = settings_file.read(tmp_path)

    assert found.values == {}
    assert says in (found.error or "")


def test_the_file_beside_the_script_wins(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / FILE).write_text('{"from": "outside"}', encoding="utf-8")
    assert settings_file.read(inner, tmp_path).values == {"from": "outside"}

    (inner / FILE).write_text('{"from": "inside"}', encoding="utf-8")
    assert settings_file.read(inner, tmp_path).values == {"from": "inside"}


def test_new_settings_replace_the_file_that_counts_whole(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / FILE).write_text('{"old": 1}', encoding="utf-8")

    settings_file.write({"new": "ä"}, inner, tmp_path)

    assert settings_file.read(inner, tmp_path).values == {"new": "ä"}
    assert list(inner.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"inner", FILE}  # nothing unfinished


def test_the_first_settings_are_put_beside_the_script(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()

    settings_file.write({"a": 1}, inner, tmp_path)

    assert (inner / FILE).is_file()
    assert stat.S_IMODE((inner / FILE).stat().st_mode) & 0o600 == 0o600


def test_settings_for_a_folder_that_has_gone_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        settings_file.write({}, tmp_path / "gone")


def test_flags_are_files(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    name = settings_file.DISABLE_FILE

    settings_file.set_flag(name, True, inner, tmp_path)
    assert settings_file.flag(name, inner, tmp_path)

    (inner / name).touch()
    settings_file.set_flag(name, False, inner, tmp_path)
    assert not settings_file.flag(name, inner, tmp_path)


def test_a_flag_that_is_not_there_can_be_removed(tmp_path: Path) -> None:
    settings_file.set_flag(settings_file.SINGLETON_FILE, False, tmp_path)

    assert not settings_file.flag(settings_file.SINGLETON_FILE, tmp_path)
