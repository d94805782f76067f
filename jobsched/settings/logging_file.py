"""logging.cfg, logging.conf or logging.yaml: found, read and checked before it is used.

Both formats are brought into the one shape of ``logging.config.dictConfig`` so that they are
checked by the same rules; applying them is the business of ``logs``.
"""

import ast
import configparser
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobsched.errors import ConfigurationError, Mistake
from jobsched.settings.permissions import world_writable
from jobsched.settings.suggestions import did_you_mean

NAMES = ("logging.cfg", "logging.conf", "logging.yaml")
SECTIONS = ("formatters", "handlers", "loggers")
_STYLES = {"%", "{", "$"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggingFile:
    """A logging configuration. *parts* has the keys of SECTIONS; the root logger is ``root``.

    *lines* is keyed by the way down, such as ``("handlers", "console", "level")``; *source* is
    what ``fileConfig`` (a parser) or ``dictConfig`` (a dictionary) takes.
    """

    path: Path
    source: configparser.RawConfigParser | dict[str, Any]
    parts: Mapping[str, Mapping[str, Mapping[str, Any]]]
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict)

    def mistake(self, message: str, *way: str) -> Mistake:
        """Return *message* at the line of the deepest known step of *way*."""
        for length in range(len(way), 0, -1):
            if line := self.lines.get(way[:length]):
                return Mistake(where=f"{self.path}:{line}", message=message)
        return Mistake(where=str(self.path), message=message)


def read(conf_dir: Path) -> LoggingFile | None:
    """Return the logging configuration of *conf_dir*, None if it has none.

    Raises: ConfigurationError with every mistake in it.
    """
    path = next((conf_dir / name for name in NAMES if (conf_dir / name).exists()), None)
    if path is None:
        return None
    if mistakes := world_writable(path):
        raise ConfigurationError(mistakes)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _refusal(path, None, f"cannot be read: {error}") from error
    file = _from_yaml(path, text) if path.suffix == ".yaml" else _from_ini(path, text)
    if mistakes := list(_mistakes(file)):
        raise ConfigurationError(mistakes)
    return file


def _refusal(path: Path, line: int | None, message: str) -> ConfigurationError:
    where = str(path) if line is None else f"{path}:{line}"
    return ConfigurationError([Mistake(where=where, message=message)])


def _from_ini(path: Path, text: str) -> LoggingFile:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text, source=str(path))
    except configparser.Error as error:
        first = getattr(error, "errors", None)
        line = first[0][0] if first else getattr(error, "lineno", None)
        raise _refusal(path, line, "is not a valid INI file") from error
    lines = _ini_lines(text)
    mistakes: list[Mistake] = []
    parts = {section: _ini_part(parser, section, path, lines, mistakes) for section in SECTIONS}
    if mistakes:
        raise ConfigurationError(mistakes)
    return LoggingFile(path=path, source=parser, parts=parts, lines=lines)


def _ini_part(
    parser: configparser.RawConfigParser,
    section: str,
    path: Path,
    lines: Mapping[tuple[str, ...], int],
    mistakes: list[Mistake],
) -> dict[str, dict[str, Any]]:
    """Return the entries that the ``keys`` of *section* name; note those that are absent."""
    if not parser.has_option(section, "keys"):
        message = f"needs a section [{section}] with an option keys"
        mistakes.append(Mistake(where=str(path), message=message))
        return {}
    part: dict[str, dict[str, Any]] = {}
    for name in _listed(parser.get(section, "keys")):
        own = f"{section[:-1]}_{name}"
        if parser.has_section(own):
            part[name] = _ini_entry(dict(parser.items(own)))
        else:
            where = f"{path}:{lines[section, 'keys']}"
            hint = did_you_mean(own, parser.sections())
            mistakes.append(Mistake(where=where, message=f"there is no section [{own}].{hint}"))
    return part


def _ini_entry(options: dict[str, Any]) -> dict[str, Any]:
    if "handlers" in options:
        options["handlers"] = _listed(options["handlers"])
    return {key: value for key, value in options.items() if value != ""}


def _listed(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _ini_lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the lines of sections and options, under their own and their neutral names."""
    lines: dict[tuple[str, ...], int] = {}
    way: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("[") and "]" in line:
            name = line[1 : line.index("]")]
            kind, _, rest = name.partition("_")
            way = (f"{kind}s", rest) if f"{kind}s" in SECTIONS else (name,)
            lines[way] = number
        elif way and line[:1].isalpha():
            option = line.replace(":", "=").split("=")[0].strip().lower()
            lines[(*way, option)] = number
    return lines


def _from_yaml(path: Path, text: str) -> LoggingFile:
    import yaml  # only for those who use it: it is slow to import

    try:
        source = yaml.safe_load(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        reason = getattr(error, "problem", None) or "cannot be parsed"
        raise _refusal(path, line, f"is not valid YAML: {reason}") from error
    if not isinstance(source, dict) or source.get("version") != 1:
        raise _refusal(path, None, "must be a mapping that contains version: 1")
    parts = {section: _entries(source.get(section)) for section in SECTIONS}
    parts["loggers"] |= _entries({"root": source["root"]} if "root" in source else {})
    return LoggingFile(path=path, source=source, parts=parts, lines=dict(_yaml_lines((), node)))


def _entries(raw: object) -> dict[str, Any]:
    if not isinstance(raw, dict):
        return {}
    return {str(name): entry for name, entry in raw.items() if isinstance(entry, dict)}


def _yaml_lines(way: tuple[str, ...], node: Any) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield the line of every key; ``root`` is also known as one of the loggers."""
    if len(way) > 3 or node is None or node.id != "mapping":
        return
    for key, value in node.value:
        below = ("loggers", "root") if (*way, key.value) == ("root",) else (*way, key.value)
        yield below, key.start_mark.line + 1
        yield from _yaml_lines(below, value)


def _mistakes(file: LoggingFile) -> Iterator[Mistake]:
    if "root" not in file.parts["loggers"]:
        yield file.mistake("the root logger is missing", "loggers", "keys")
    for name, entry in file.parts["formatters"].items():
        yield from _formatter_mistakes(file, name, entry)
    for name, entry in file.parts["handlers"].items():
        yield from _level_mistakes(file, entry, "handlers", name)
        yield from _handler_mistakes(file, name, entry)
    for name, entry in file.parts["loggers"].items():
        yield from _level_mistakes(file, entry, "loggers", name)
        yield from _reference_mistakes(file, entry.get("handlers", ()), "handlers", name)


def _level_mistakes(file: LoggingFile, entry: Mapping[str, Any], *way: str) -> Iterator[Mistake]:
    level, known = entry.get("level"), logging.getLevelNamesMapping()
    if level is not None and not isinstance(level, int) and str(level) not in known:
        hint = did_you_mean(str(level), known)
        yield file.mistake(f"there is no level {level!r}.{hint}", *way, "level")


def _formatter_mistakes(
    file: LoggingFile, name: str, entry: Mapping[str, Any]
) -> Iterator[Mistake]:
    style = entry.get("style", "%")
    if style not in _STYLES:
        yield file.mistake(f"the style must be %, {{ or $, not {style!r}", "formatters", name)
        return
    try:
        logging.Formatter(entry.get("format"), style=style)
    except ValueError as error:
        yield file.mistake(f"formatter {name}: {error}", "formatters", name, "format")


def _handler_mistakes(file: LoggingFile, name: str, entry: Mapping[str, Any]) -> Iterator[Mistake]:
    if "class" not in entry and "()" not in entry:
        yield file.mistake(f"handler {name} has no class", "handlers", name)
    if formatter := entry.get("formatter"):
        known = file.parts["formatters"]
        if formatter not in known:
            hint = did_you_mean(str(formatter), known)
            message = f"there is no formatter {formatter!r}.{hint}"
            yield file.mistake(message, "handlers", name, "formatter")
    if isinstance(file.source, configparser.RawConfigParser):
        yield from _argument_mistakes(file, name, entry)


def _argument_mistakes(file: LoggingFile, name: str, entry: Mapping[str, Any]) -> Iterator[Mistake]:
    for option in ("args", "kwargs"):
        try:
            ast.parse(entry.get(option, "()"), mode="eval")
        except SyntaxError:
            yield file.mistake(f"{option} is not valid Python", "handlers", name, option)


def _reference_mistakes(
    file: LoggingFile, handlers: object, section: str, logger: str
) -> Iterator[Mistake]:
    known = file.parts[section]
    for handler in handlers if isinstance(handlers, list | tuple) else ():
        if handler not in known:
            hint = did_you_mean(str(handler), known)
            message = f"there is no handler {handler!r}.{hint}"
            yield file.mistake(message, "loggers", logger, "handlers")
