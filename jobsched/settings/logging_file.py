"""logging.cfg, logging.conf or logging.yaml: found, read and checked before it is used.

Both formats are brought into the one shape of ``logging.config.dictConfig`` so that they are
checked by the same rules; applying them is the business of ``logs``.
"""

import ast
import configparser
import logging
import logging.handlers
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobsched.errors import ConfigurationError, Mistake
from jobsched.settings.permissions import world_writable
from jobsched.settings.suggestions import did_you_mean

NAMES = ("logging.cfg", "logging.conf", "logging.yaml")
SECTIONS = ("formatters", "handlers", "loggers")
_STYLES = {"%", "{", "$"}
# As fileConfig takes them, which looks into the logging module first; others are imported.
_CLASSES = tuple(
    prefix + name
    for module, prefixes in (
        (logging, ("", "logging.")),
        (logging.handlers, ("handlers.", "logging.handlers.")),
    )
    for name, value in vars(module).items()
    if isinstance(value, type) and issubclass(value, logging.Handler | logging.Formatter)
    for prefix in prefixes
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggingFile:
    """A logging configuration. *parts* has the keys of SECTIONS; the root logger is ``root``.

    *absent* are the names, by section, that are listed but described nowhere: one mistake each.
    *lines* is keyed by the way down, such as ``("handlers", "console", "level")``; *source* is
    what ``fileConfig`` (a parser) or ``dictConfig`` (a dictionary) takes.
    """

    path: Path
    source: configparser.RawConfigParser | dict[str, Any]
    parts: Mapping[str, Mapping[str, Mapping[str, Any]]]
    absent: Mapping[str, Sequence[str]] = field(default_factory=dict)
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict)

    @property
    def is_ini(self) -> bool:
        return isinstance(self.source, configparser.RawConfigParser)

    def names(self, section: str) -> list[str]:
        """Return the names that may be referred to."""
        return [*self.parts[section], *self.absent.get(section, ())]

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
    listed = {section: _listed(parser.get(section, "keys", fallback="")) for section in SECTIONS}
    parts: dict[str, dict[str, dict[str, Any]]] = {section: {} for section in SECTIONS}
    absent: dict[str, list[str]] = {section: [] for section in SECTIONS}
    for section, names in listed.items():
        for name in names:
            if parser.has_section(_own(section, name)):
                parts[section][name] = _ini_entry(dict(parser.items(_own(section, name))))
            else:
                absent[section].append(name)
    return LoggingFile(path=path, source=parser, parts=parts, absent=absent, lines=lines)


def _own(section: str, name: str) -> str:
    """Return ``handler_stdout`` for the stdout of ``handlers``."""
    return f"{section[:-1]}_{name}"


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
    if isinstance(file.source, configparser.RawConfigParser):
        yield from _section_mistakes(file, file.source)
    if "root" not in file.names("loggers"):
        yield file.mistake("the root logger is missing", "loggers", "keys")
    for name, entry in file.parts["formatters"].items():
        yield from _class_mistakes(file, entry, "formatters", name)
        yield from _formatter_mistakes(file, name, entry)
    for name, entry in file.parts["handlers"].items():
        yield from _level_mistakes(file, entry, "handlers", name)
        yield from _handler_mistakes(file, name, entry)
    for name, entry in file.parts["loggers"].items():
        yield from _level_mistakes(file, entry, "loggers", name)
        yield from _reference_mistakes(file, entry.get("handlers", ()), "handlers", name)


def _section_mistakes(file: LoggingFile, ini: configparser.RawConfigParser) -> Iterator[Mistake]:
    for section in SECTIONS:
        if not ini.has_option(section, "keys"):
            yield file.mistake(f"needs a section [{section}] with an option keys")
        for own in (_own(section, name) for name in file.absent[section]):
            hint = did_you_mean(own, ini.sections())
            yield file.mistake(f"there is no section [{own}].{hint}", section, "keys")
    for name, entry in file.parts["loggers"].items():
        for option in ("handlers",) if name == "root" else ("handlers", "qualname"):
            if option not in entry:
                yield file.mistake(f"logger {name} has no option {option}", "loggers", name)


def _class_mistakes(file: LoggingFile, entry: Mapping[str, Any], *way: str) -> Iterator[Mistake]:
    name = entry.get("class")
    if isinstance(name, str) and not _is_known(name):
        hint = did_you_mean(name, _CLASSES)
        yield file.mistake(f"there is no class {name!r}.{hint}", *way, "class")


def _is_known(name: str) -> bool:
    """Return whether *name* is something of the logging module, or can be imported."""
    if name in _CLASSES:
        return True
    try:
        pkgutil.resolve_name(name)
    except Exception:  # it may be a module of the user's, and that may raise anything
        return False
    return True


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
        known = file.names("formatters")
        if formatter not in known:
            hint = did_you_mean(str(formatter), known)
            message = f"there is no formatter {formatter!r}.{hint}"
            yield file.mistake(message, "handlers", name, "formatter")
    yield from _class_mistakes(file, entry, "handlers", name)
    if file.is_ini:
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
    known = file.names(section)
    for handler in handlers if isinstance(handlers, list | tuple) else ():
        if handler not in known:
            hint = did_you_mean(str(handler), known)
            message = f"there is no handler {handler!r}.{hint}"
            yield file.mistake(message, "loggers", logger, "handlers")
