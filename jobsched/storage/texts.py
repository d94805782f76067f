"""JSON kept as text: compact, sorted, and only what differs from a default."""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any

from jobsched.model import CatchUp, Health, Misfire, OnLost, Overlap, Policy, Retries

_DEFAULT = Policy()


def to_text(value: object) -> str | None:
    """Return JSON *value* as text; None for None and whatever is empty."""
    if not value:
        return None
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def mapping_from(text: str | None) -> dict[str, Any]:
    """Return the JSON object in *text*, an empty one for None."""
    return {} if text is None else json.loads(text)


def tags_from(text: str | None) -> tuple[str, ...]:
    """Return the JSON list of strings in *text* as a tuple."""
    return () if text is None else tuple(json.loads(text))


def policy_to_text(policy: Policy) -> str | None:
    """Return what *policy* has other than the default, such as ``{"timeout":60}``; or None."""
    return to_text(_differences(policy, _DEFAULT))


@lru_cache(maxsize=4096)
def policy_from_text(text: str | None) -> Policy:
    """Return the policy that :func:`policy_to_text` wrote; equal texts share one value."""
    plain = mapping_from(text)
    return Policy(**{key: _READERS.get(key, _same)(value) for key, value in plain.items()})


def _differences(value: Any, default: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that differ from *default*, nested ones alike."""
    found: dict[str, Any] = {}
    for name in (field.name for field in fields(value)):
        mine, usual = getattr(value, name), getattr(default, name)
        if mine != usual:
            found[name] = _nested(mine, usual) if is_dataclass(mine) else _plain(mine)
    return found


def _nested(value: Any, usual: Any) -> dict[str, Any]:
    return _differences(value, type(value)() if usual is None else usual)


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _misfire(plain: dict[str, Any]) -> Misfire:
    if "catch_up" in plain:
        plain = {**plain, "catch_up": CatchUp(plain["catch_up"])}
    return Misfire(**plain)


def _retries(plain: dict[str, Any]) -> Retries:
    read: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()
    }
    return Retries(**read)


def _health(plain: dict[str, Any] | None) -> Health | None:
    if plain is None:
        return None
    return Health(**{**plain, "command": tuple(plain.get("command", ()))})


def _same(value: Any) -> Any:
    return value


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "overlap": Overlap,
    "on_lost": OnLost,
    "misfire": _misfire,
    "retries": _retries,
    "health": _health,
}
