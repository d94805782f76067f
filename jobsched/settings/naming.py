"""The names of a setting, and how it is read: the metadata of its field."""

from typing import Any

from jobsched.settings.readers import Reader

DAY = 86_400


def names(
    key: str | None, doc: str, read: Reader, *, flag: str | None = None, env: str | None = ""
) -> dict[str, Any]:
    """Return a field's metadata; *env* is derived from *key* unless it is given."""
    if env == "" and key is not None:
        env = key if key.startswith("JOBSCHED_") else f"JOBSCHED_{key}"
    return {"key": key, "env": env or None, "flag": flag, "doc": doc, "read": read, "aliases": ()}


def renamed(key: str, doc: str, read: Reader, *aliases: str) -> dict[str, Any]:
    """Return the metadata of a setting of web jobs, which has had other names before."""
    return {**names(key, doc, read), "aliases": aliases}
