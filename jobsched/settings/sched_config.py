"""SCHED_CONFIG: APScheduler's options in the style of version 3 or 2, translated into ours.

There is one job store, ours, in the database that the store's ``url`` names; one executor, the
queue, whose ``max_workers`` is the capacity of this machine. What cannot be obeyed is refused
with the way out, what has no effect any more is a warning.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from jobsched.settings import readers
from jobsched.settings.fields import JobDefaults
from jobsched.settings.suggestions import did_you_mean

T = TypeVar("T")
Way = tuple[str, ...]
KNOWN = ("jobstores", "executors", "job_defaults", "timezone")
WAY_OUT = "SQLite or PostgreSQL: {'type': 'sqlalchemy', 'url': ...}"

_STORES = {
    "sqlalchemy": "sqlalchemy",
    "memory": "memory",
    "jobsched": "sqlalchemy",
    "ram": "memory",
    "shelve": "shelve",
}
_STORE_OPTIONS = ("type", "class", "url", "path")
_STORE_WITHOUT_EFFECT = ("tablename", "tableschema", "pickle_protocol", "engine_options")
_POOLS = ("threadpool", "processpool", "jobschedpool")
_JOB_DEFAULTS = ("max_instances", "coalesce", "misfire_grace_time")
_WITHOUT_EFFECT = ("daemon", "daemonic", "standalone", "logger", "jobstore_retry_interval")


@dataclass(slots=True, kw_only=True)
class Translation:
    """What SCHED_CONFIG means; *mistakes* are pairs of the way to the value and a sentence."""

    database_url: str | None = None
    volatile: bool = False
    capacity: int | None = None
    timezone: str | None = None
    job_defaults: JobDefaults = field(default_factory=JobDefaults)
    warnings: list[str] = field(default_factory=list)
    mistakes: list[tuple[Way, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leaf:
    """One option: *path* in the terms of version 3, *way* as it was written."""

    path: Way
    way: Way
    value: object


def translate(config: object) -> Translation:
    """Return what *config*, the value of SCHED_CONFIG, means. It is never changed."""
    result = Translation()
    if not isinstance(config, Mapping):
        result.mistakes.append(((), f"must be a dictionary, not {config!r}"))
        return result
    leaves = list(_leaves(config))
    for topic, translator in _TOPICS.items():
        own = [leaf for leaf in leaves if leaf.path[0] == topic]
        if own:
            translator(own, result)
    for key in config:
        topic = _path(key)[0]
        if topic not in _TOPICS:
            message = f"{key!r} is unknown.{did_you_mean(topic, KNOWN)}"
            result.mistakes.append(((str(key),), message))
    return result


def _leaves(config: Mapping[object, object]) -> Iterator[_Leaf]:
    for key, value in config.items():
        yield from _below(_path(key), (str(key),), value)


def _path(key: object) -> Way:
    return tuple(str(key).removeprefix("apscheduler.").split("."))


def _below(path: Way, way: Way, value: object) -> Iterator[_Leaf]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _below((*path, *str(key).split(".")), (*way, str(key)), inner)
    else:
        yield _Leaf(path=path, way=way, value=value)


def _unknown(leaf: _Leaf, result: Translation, known: tuple[str, ...]) -> None:
    result.mistakes.append(
        (leaf.way, f"{leaf.way[-1]!r} is unknown.{did_you_mean(leaf.path[-1], known)}")
    )


def _jobstores(leaves: list[_Leaf], result: Translation) -> None:
    """Version 3: the alias must be ``default``."""
    for leaf in leaves:
        if len(leaf.path) < 3:
            _not_a_dictionary(leaf, result, "{'type': 'sqlalchemy', 'url': ...}")
        elif leaf.path[1] != "default":
            message = f"store {leaf.path[1]!r}: there is one store, and its alias is 'default'"
            _once(leaf, result, message)
    _store([leaf for leaf in leaves if len(leaf.path) == 3 and leaf.path[1] == "default"], result)


def _jobstore(leaves: list[_Leaf], result: Translation) -> None:
    """Version 2: any alias, but one."""
    aliases = {leaf.path[1] for leaf in leaves if len(leaf.path) == 3}
    result.warnings.append("SCHED_CONFIG: apscheduler.jobstore.* is now apscheduler.jobstores.*")
    if len(aliases) != 1:
        result.mistakes.append((leaves[0].way, "there is one store, and its alias is 'default'"))
        return
    _store([leaf for leaf in leaves if len(leaf.path) == 3], result)


def _once(leaf: _Leaf, result: Translation, message: str) -> None:
    """Note a mistake about the dictionary that *leaf* is in, however many options that has."""
    if all(known != message for _, known in result.mistakes):
        result.mistakes.append((leaf.way[:-1], message))


def _not_a_dictionary(leaf: _Leaf, result: Translation, example: str) -> None:
    result.mistakes.append((leaf.way, f"must be a dictionary such as {example}"))


def _store(leaves: list[_Leaf], result: Translation) -> None:
    options = {leaf.path[2]: leaf for leaf in leaves}
    for name, leaf in options.items():
        if name in _STORE_WITHOUT_EFFECT:
            result.warnings.append(f"SCHED_CONFIG: the store's {name} has no effect")
        elif name not in _STORE_OPTIONS:
            _unknown(leaf, result, _STORE_OPTIONS)
    kind = options.get("type") or options.get("class")
    if kind is not None:
        _store_of_kind(kind, options.get("url"), result)
    elif "url" in options:
        _url(options["url"], result)


def _store_of_kind(kind: _Leaf, url: _Leaf | None, result: Translation) -> None:
    meaning = _STORES.get(_short(kind.value, "jobstore"))
    if meaning is None:
        message = (
            f"job store {kind.value!r} cannot hold jobsched's jobs (no compare-and-set, no "
            f"ledger); use {WAY_OUT}, or 'memory'"
        )
        result.mistakes.append((kind.way, message))
    elif meaning == "memory":
        result.volatile = True
    elif meaning == "shelve":
        result.warnings.append("SCHED_CONFIG: shelve is now a SQLite file in the data folder")
    elif url is not None:
        _url(url, result)


def _short(kind: object, ending: str) -> str:
    """Return ``sqlalchemy`` for ``apscheduler.jobstores.sqlalchemy:SQLAlchemyJobStore``."""
    return str(kind).replace(":", ".").split(".")[-1].lower().removesuffix(ending)


def _url(leaf: _Leaf, result: Translation) -> None:
    if leaf.value in {"sqlite://", "sqlite:///:memory:"}:
        result.volatile = True
        return
    result.database_url = _read(leaf, result, readers.database, str)


def _executors(leaves: list[_Leaf], result: Translation) -> None:
    for leaf in leaves:
        if len(leaf.path) < 3:
            _not_a_dictionary(leaf, result, "{'type': 'threadpool', 'max_workers': 10}")
        elif leaf.path[1] != "default":
            message = f"executor {leaf.path[1]!r}: there is one executor, 'default'"
            _once(leaf, result, message)
        else:
            _executor_option(leaf, result)


def _executor_option(leaf: _Leaf, result: Translation) -> None:
    name = leaf.path[2]
    if name == "max_workers":
        result.capacity = _read(leaf, result, readers.integer(1, 10_000), int)
    elif name in {"type", "class"}:
        kind = _short(leaf.value, "poolexecutor").removesuffix("pool") + "pool"
        if kind not in _POOLS:
            result.mistakes.append((leaf.way, f"executor {leaf.value!r}: use 'threadpool'"))
        elif kind == "processpool":
            result.warnings.append(
                "SCHED_CONFIG: processpool means the same as threadpool; every run is a process"
            )
    elif name == "pool_kwargs":
        result.warnings.append("SCHED_CONFIG: pool_kwargs has no effect")
    else:
        _unknown(leaf, result, ("type", "class", "max_workers"))


def _threadpool(leaves: list[_Leaf], result: Translation) -> None:
    """Version 2: the pool of threads."""
    for leaf in leaves:
        if leaf.path[1:] == ("max_threads",):
            result.warnings.append(
                "SCHED_CONFIG: apscheduler.threadpool.max_threads is now "
                "apscheduler.executors.default.max_workers"
            )
            result.capacity = _read(leaf, result, readers.integer(1, 10_000), int)
        elif leaf.path[1:] in {("core_threads",), ("keepalive",)}:
            result.warnings.append(f"SCHED_CONFIG: threadpool.{leaf.path[1]} has no effect")
        else:
            _unknown(leaf, result, ("max_threads", "core_threads", "keepalive"))


def _job_defaults(leaves: list[_Leaf], result: Translation) -> None:
    for leaf in leaves:
        if leaf.path[-1] in _JOB_DEFAULTS and len(leaf.path) == 2:
            _job_default(leaf.path[-1], leaf, result)
        else:
            _unknown(leaf, result, _JOB_DEFAULTS)


def _old_job_default(leaves: list[_Leaf], result: Translation) -> None:
    """Version 2: the same options without ``job_defaults`` before them."""
    for leaf in leaves:
        name = leaf.path[0]
        result.warnings.append(f"SCHED_CONFIG: {name} is now apscheduler.job_defaults.{name}")
        _job_default(name, leaf, result)


def _job_default(name: str, leaf: _Leaf, result: Translation) -> None:
    old = result.job_defaults
    if name == "max_instances":
        value = _read(leaf, result, readers.integer(1, 10_000), int)
        old = replace(old, max_instances=value or 1)
    elif name == "coalesce":
        old = replace(old, coalesce=_read(leaf, result, readers.boolean, bool) is not False)
    elif leaf.value in {None, "None"}:
        old = replace(old, misfire_grace=None)
    else:
        seconds = _read(leaf, result, readers.number(0.001), float)
        old = replace(old, misfire_grace="default" if seconds is None else seconds)
    result.job_defaults = old


def _timezone(leaves: list[_Leaf], result: Translation) -> None:
    result.timezone = _read(leaves[0], result, readers.timezone, str)


def _without_effect(leaves: list[_Leaf], result: Translation) -> None:
    result.warnings.append(f"SCHED_CONFIG: {leaves[0].path[0]} has no effect")


def _read(leaf: _Leaf, result: Translation, reader: readers.Reader, kind: type[T]) -> T | None:
    try:
        value = reader(leaf.value)
    except ValueError as error:
        result.mistakes.append((leaf.way, f"{leaf.way[-1]} {error}"))
        return None
    return value if isinstance(value, kind) else None


_TOPICS: dict[str, Callable[[list[_Leaf], Translation], None]] = {
    "jobstores": _jobstores,
    "jobstore": _jobstore,
    "executors": _executors,
    "threadpool": _threadpool,
    "job_defaults": _job_defaults,
    "timezone": _timezone,
    **dict.fromkeys(_JOB_DEFAULTS, _old_job_default),
    **dict.fromkeys(_WITHOUT_EFFECT, _without_effect),
}
