"""Reading the settings: flags over environment over jobsched.cfg over defaults, all at once."""

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from jobsched.errors import ConfigurationError, Mistake
from jobsched.settings import jobsched_cfg
from jobsched.settings.fields import Settings
from jobsched.settings.jobsched_cfg import CfgFile
from jobsched.settings.sched_config import Translation, translate
from jobsched.settings.suggestions import did_you_mean, nearest

SCHED_CONFIG = "SCHED_CONFIG"
_CONFIGURABLE = tuple(f for f in fields(Settings) if f.metadata)
_ALIASES = tuple(alias for f in _CONFIGURABLE for alias in f.metadata["aliases"])
_KEYS = (*(f.metadata["key"] for f in _CONFIGURABLE if f.metadata["key"]), *_ALIASES, SCHED_CONFIG)
_VARIABLES = (
    *(f.metadata["env"] for f in _CONFIGURABLE if f.metadata["env"]),
    *(f"JOBSCHED_{alias}" for alias in _ALIASES),
)
# What jobs are given (a job may start a server), what clients and tests use; never settings.
_OF_OTHERS = re.compile(
    r"JOBSCHED_(URL|TOKEN|TOKEN_FILE|JOB_ID|RUN_ID|DUE_AT|ATTEMPT|PARAMS|RECORDS|REPORT|COOKIE|CONTROL_FD)"
    r"|JOBSCHED_(PARAM|TEST)_.*",
    re.DOTALL,
)


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What has been found so far."""

    flags: Mapping[str, object]
    environ: Mapping[str, str]
    cfg: CfgFile = field(default_factory=lambda: CfgFile(path=Path("jobsched.cfg")))
    values: dict[str, object] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)


def load(flags: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
    """Return the settings of this start.

    *flags* maps a field's name (``conf_dir``) or its flag's (``jobs``) to the value given on
    the command line; None means not given. *environ* is the process's environment.

    Raises: ConfigurationError with every mistake in flags, environment and jobsched.cfg.
    """
    reading = _Reading(flags=flags, environ=environ)
    _folders(reading)
    _cfg_file(reading)
    for setting in _CONFIGURABLE:
        if setting.name != "conf_dir":
            _field(setting, reading)
    _require_tasks_dir(reading)
    _unknown_keys(reading)
    reading.mistakes.extend(_unknown_variables(reading.environ))
    translation = _sched_config(reading)
    if reading.mistakes:
        raise ConfigurationError(reading.mistakes)
    return _settled(reading, translation)


def folders(flags: Mapping[str, object], environ: Mapping[str, str]) -> dict[str, Path]:
    """Return what of ``conf_dir``, ``tasks_dir`` and ``data_dir`` was given, mistakes or not.

    For the check command, which goes on after a mistake; folders that do not exist are left
    out, and so is what stands in jobsched.cfg.
    """
    reading = _Reading(flags=flags, environ=environ)
    for setting in _CONFIGURABLE:
        if setting.name in {"conf_dir", "tasks_dir", "data_dir"}:
            _field(setting, reading)
    found = ((name, path) for name, path in reading.values.items() if isinstance(path, Path))
    return {name: path for name, path in found if path.is_dir()}


def _folders(reading: _Reading) -> None:
    conf_dir = next(setting for setting in _CONFIGURABLE if setting.name == "conf_dir")
    _field(conf_dir, reading)
    if "conf_dir" not in reading.values and not reading.mistakes:
        reading.mistakes.append(_missing(conf_dir))
    _must_exist(conf_dir, reading)


def _missing(setting: Field[Any]) -> Mistake:
    flag = setting.metadata["flag"]
    return Mistake(
        where=flag,
        message=f"is required; give {flag} DIRECTORY or set {setting.metadata['env']}",
    )


def _must_exist(setting: Field[Any], reading: _Reading) -> None:
    path = reading.values.get(setting.name)
    if isinstance(path, Path) and not path.is_dir():
        del reading.values[setting.name]
        where, _ = _given(setting, reading) or (setting.metadata["flag"], None)
        reading.mistakes.append(Mistake(where=where, message=f"there is no directory {path}"))


def _cfg_file(reading: _Reading) -> None:
    conf_dir = reading.values.get("conf_dir")
    if not isinstance(conf_dir, Path):
        return
    try:
        reading.cfg = jobsched_cfg.read(conf_dir / "jobsched.cfg")
    except ConfigurationError as error:
        reading.mistakes.extend(error.mistakes)


def _field(setting: Field[Any], reading: _Reading) -> None:
    given = _given(setting, reading)
    if given is None:
        return
    where, raw = given
    try:
        reading.values[setting.name] = setting.metadata["read"](raw)
    except ValueError as error:
        name = setting.metadata["key"] or setting.name
        message = str(error) if where.startswith(("-", "JOBSCHED_")) else f"{name} {error}"
        reading.mistakes.append(Mistake(where=where, message=message))


def _given(setting: Field[Any], reading: _Reading) -> tuple[str, object] | None:
    """Return where *setting* was given and what, None if it was not."""
    names = setting.metadata
    for name in (setting.name, _destination(names["flag"])):
        if reading.flags.get(name) is not None:
            return names["flag"] or name, reading.flags[name]
    aliases = names["aliases"]
    for variable in (names["env"], *(f"JOBSCHED_{alias}" for alias in aliases)):
        if variable and reading.environ.get(variable, "") != "":
            return variable, reading.environ[variable]
    for key in (names["key"], *aliases):
        if key in reading.cfg.values:
            return reading.cfg.where(key), reading.cfg.values[key]
    return None


def _destination(flag: str | None) -> str:
    return "" if flag is None else flag.removeprefix("--").replace("-", "_")


def _require_tasks_dir(reading: _Reading) -> None:
    setting = next(setting for setting in _CONFIGURABLE if setting.name == "tasks_dir")
    if _given(setting, reading) is None:
        reading.mistakes.append(_missing(setting))
    _must_exist(setting, reading)


def _unknown_keys(reading: _Reading) -> None:
    for key in reading.cfg.values:
        if key not in _KEYS:
            message = (
                f"{key} is no setting.{did_you_mean(key, _KEYS)} Names of your own begin with "
                "an underscore."
            )
            reading.mistakes.append(Mistake(where=reading.cfg.where(key), message=message))


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[Mistake]:
    for name in sorted(environ):
        if (
            name.startswith("JOBSCHED_")
            and name not in _VARIABLES
            and not _OF_OTHERS.fullmatch(name)
        ):
            # Without what is common to all of them, or everything would look alike.
            meant = nearest(name[9:], [known[9:] for known in _VARIABLES])
            hint = f" Did you mean JOBSCHED_{meant}?" if meant else ""
            yield Mistake(where=name, message=f"is no setting.{hint}")


def _sched_config(reading: _Reading) -> Translation:
    if SCHED_CONFIG not in reading.cfg.values:
        return Translation()
    translation = translate(reading.cfg.values[SCHED_CONFIG])
    for way, message in translation.mistakes:
        where = reading.cfg.where(SCHED_CONFIG, *way)
        reading.mistakes.append(Mistake(where=where, message=f"{SCHED_CONFIG}: {message}"))
    return translation


def _settled(reading: _Reading, translation: Translation) -> Settings:
    """Return the settings; what SCHED_CONFIG says gives way to a setting of its own."""
    values: dict[str, Any] = dict(reading.values)
    if "database_url" not in values:
        values.setdefault("volatile", translation.volatile)
        if translation.database_url is not None:
            values["database_url"] = translation.database_url
    for name in ("capacity", "timezone"):
        if (value := getattr(translation, name)) is not None:
            values.setdefault(name, value)
    return Settings(
        **values,
        job_defaults=translation.job_defaults,
        sched_warnings=(*translation.warnings, *_not_installed(reading)),
    )


def _not_installed(reading: _Reading) -> Iterator[str]:
    """Yield a warning for each command of SCRIPT_TYPES that is not on this machine."""
    types = reading.values.get("script_types")
    for suffix, command in types.items() if isinstance(types, Mapping) else ():
        if shutil.which(command[0]) is None:
            yield f"SCRIPT_TYPES[{suffix!r}]: {command[0]} is not installed here"
