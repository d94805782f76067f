"""Logging files of both formats: which one counts, and where a mistake is."""

from pathlib import Path

import pytest

from jobsched.errors import ConfigurationError
from jobsched.settings import logging_file

INI = """\
[loggers]
keys=root
[handlers]
keys=stdout
[formatters]
keys=line
[logger_root]
level=DEBUG
handlers=stdout
[handler_stdout]
class=StreamHandler
formatter=line
args=(sys.stdout,)
[formatter_line]
format=%(levelname)s %(message)s
"""
YAML = """\
version: 1
formatters:
  line: {format: "%(message)s"}
handlers:
  stdout:
    class: logging.StreamHandler
    formatter: line
    stream: ext://sys.stdout
root:
  level: DEBUG
  handlers: [stdout]
"""


def mistakes_of(folder: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as refusal:
        logging_file.read(folder)
    return [str(mistake) for mistake in refusal.value.mistakes]


def test_a_folder_without_one_has_none(tmp_path: Path) -> None:
    assert logging_file.read(tmp_path) is None


@pytest.mark.parametrize(
    ("name", "text"), [("logging.cfg", INI), ("logging.conf", INI), ("logging.yaml", YAML)]
)
def test_each_name_is_found_and_read(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    file = logging_file.read(tmp_path)

    assert file is not None
    assert file.path.name == name
    assert file.parts["loggers"]["root"]["handlers"] == ["stdout"]


@pytest.mark.parametrize(
    ("old", "new", "line", "part"),
    [
        ("level=DEBUG", "level=DEBUGG", 8, "mean DEBUG?"),
        ("handlers=stdout", "handlers=stdot", 9, "mean stdout?"),
        ("formatter=line", "formatter=lime", 12, "mean line?"),
        ("(sys.stdout,)", "(sys.stdout", 13, "args is not valid Python"),
        ("%(levelname)s", "levelname", None, ""),
        ("format=%(levelname)s %(message)s", "format=%(levelname", 15, "formatter line"),
        ("[formatter_line]", "[formatter_lime]", 6, "mean formatter_lime?"),
        ("keys=root", "keys=", 2, "root logger is missing"),
        ("class=StreamHandler", "", 10, "has no class"),
        ("[loggers]", "loggers", 1, "not a valid INI file"),
    ],
)
def test_a_mistake_in_ini_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, line: int | None, part: str
) -> None:
    (tmp_path / "logging.cfg").write_text(INI.replace(old, new))

    if line is None:
        assert logging_file.read(tmp_path)
        return

    assert any(
        mistake.startswith(f"{tmp_path / 'logging.cfg'}:{line}: ") and part in mistake
        for mistake in mistakes_of(tmp_path)
    ), mistakes_of(tmp_path)


def test_mistakes_of_all_kinds_come_at_once(tmp_path: Path) -> None:
    text = INI
    for old, new in [
        ("level=DEBUG", "level=DEBG"),
        ("keys=line", "keys=line,f"),
        ("keys=stdout", "keys=stdout,hh"),
        ("class=StreamHandler", "class=StreamHandlr"),
        ("keys=root", "keys=root,other"),
        ("[formatter_line]", "[logger_other]\nhandlers=hh,hi\n[formatter_line]"),
    ]:
        text = text.replace(old, new)
    (tmp_path / "logging.cfg").write_text(text)

    mistakes = "\n".join(mistakes_of(tmp_path))

    for line, part in [
        (8, "no level 'DEBG'. Did you mean DEBUG?"),
        (6, "no section [formatter_f]."),
        (4, "no section [handler_hh]."),
        (11, "no class 'StreamHandlr'. Did you mean StreamHandler?"),
        (14, "logger other has no option qualname"),
        (15, "no handler 'hi'."),
    ]:
        assert f"logging.cfg:{line}: " in mistakes, line
        assert part in mistakes
    assert mistakes.count("logging.cfg") == 6


@pytest.mark.parametrize(
    "name", ["handlers.RotatingFileHandler", "logging.NullHandler", "collections.OrderedDict"]
)
def test_a_class_may_be_of_logging_or_anywhere(tmp_path: Path, name: str) -> None:
    (tmp_path / "logging.cfg").write_text(INI.replace("StreamHandler", name))

    assert logging_file.read(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "line", "part"),
    [
        ("class: logging.StreamHandler", "class: logging.StreamHandlr", 6, "mean logging.Stream"),
        ("level: DEBUG", "level: DEBUGG", 10, "mean DEBUG?"),
        ("[stdout]", "[stdot]", 11, "mean stdout?"),
        ("formatter: line", "formatter: lime", 7, "mean line?"),
        ("root:", "rot: [", 11, "not valid YAML"),
    ],
)
def test_a_mistake_in_yaml_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, part: str
) -> None:
    (tmp_path / "logging.yaml").write_text(YAML.replace(old, new))

    (mistake,) = mistakes_of(tmp_path)

    assert mistake.startswith(f"{tmp_path / 'logging.yaml'}:{line}: ")
    assert part in mistake


def test_yaml_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logging.yaml").write_text("- 1\n")

    assert "version: 1" in mistakes_of(tmp_path)[0]


def test_a_file_that_everybody_may_change_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logging.cfg").write_text(INI)
    (tmp_path / "logging.cfg").chmod(0o666)

    assert "writable by everybody" in mistakes_of(tmp_path)[0]
