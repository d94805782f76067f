"""What of a job's settings.job is shown to whom: secrets only to those who may change them."""

from collections.abc import Mapping
from typing import Any

from jobsched.catalog import MASK, masked
from jobsched.model import Role
from jobsched.web.gate import principal


def shown(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *settings* as whoever asks may see them.

    Below admin the values of ``env`` are stars, and so is whatever a name tells to be a secret.
    """
    if principal().role.allows(Role.ADMIN):
        return settings
    return {name: _masked(name, value) for name, value in settings.items()}


def _masked(name: str, value: Any, *, all_of_it: bool = False) -> Any:
    """Return *value* without secrets; *all_of_it* stands for one."""
    inner = all_of_it or name.lower() == "env" or masked(name, "") == MASK
    if isinstance(value, Mapping):
        return {key: _masked(key, each, all_of_it=inner) for key, each in value.items()}
    if isinstance(value, list):
        return [_masked(name, each, all_of_it=inner) for each in value]
    if inner and value is not None:
        return MASK
    return masked("", value) if isinstance(value, str) else value
