"""Jobs and tasks by what users call them: a uuid, or a name."""

import re

from jobsched.client.api import Api, Json
from jobsched.client.failures import Ambiguous, Missing

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_CANDIDATES = 20


def job(api: Api, text: str) -> Json:
    """Return the job with this uuid or name. Raises: Ambiguous, Missing, ClientError."""
    found = job_or_none(api, text)
    if found is None:
        raise Missing(f"There is no job named {text!r}.")
    return found


def job_id(api: Api, text: str) -> str:
    """Return the uuid of a job, of a deleted one too if *text* is it. Raises: as above."""
    return text.lower() if _UUID.fullmatch(text) else str(job(api, text)["id"])


def job_or_none(api: Api, text: str) -> Json | None:
    """Return the job with this uuid or name; None when no job is named so.

    Raises: Ambiguous with the candidates when several are; ClientError.
    """
    if _UUID.fullmatch(text):
        return api.get(f"/jobs/{text.lower()}")
    found = list(api.values("/jobs", {"name": text}, _CANDIDATES + 1))
    if len(found) > 1:
        lines = [f"{each['id']}  {each['task']}  {each['state']}" for each in found]
        told = [*lines[:_CANDIDATES], *(["..."] if len(found) > _CANDIDATES else [])]
        raise Ambiguous(f"Several jobs are named {text!r}; give the uuid of one:", told)
    return found[0] if found else None


def task(api: Api, name: str) -> Json | None:
    """Return the entry of the catalog with this name, or None. Raises: ClientError."""
    return api.known(f"/catalog/{name}")
