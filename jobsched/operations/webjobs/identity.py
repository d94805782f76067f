"""Which job a web job is: its uuid follows from its type and name, whatever their case."""

import uuid

from jobsched.model import WebJobType

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:jobsched:webjobs")


def job_id(kind: WebJobType, name: str) -> str:
    """Return the uuid of the job that the web job *name* of this *kind* is."""
    return str(uuid.uuid5(_NAMESPACE, f"{kind.value}/{name.lower()}"))
