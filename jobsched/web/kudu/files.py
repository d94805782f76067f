"""Which of a job's files there are: what is not there has no address."""

from jobsched.model import WebJobType
from jobsched.web.context import operations
from jobsched.web.kudu.addresses import file_url
from jobsched.webjobs.places import SCHEDULER_LOG, Site

OUTPUT, ERRORS = "output_log.txt", "error_log.txt"
CONTINUOUS_LOG = "job_log.txt"
_SDK_MARKER = "webjobssdk.marker"

__all__ = ["CONTINUOUS_LOG", "ERRORS", "OUTPUT", "SCHEDULER_LOG", "url_if_there", "uses_sdk"]


def url_if_there(kind: WebJobType, name: str, *path: str) -> str | None:
    """Return the address of a file in a job's data folder, None while there is no such file."""
    there = _site().data(kind, name).joinpath(*path).is_file()
    return file_url(kind, name, *path) if there else None


def uses_sdk(kind: WebJobType, name: str) -> bool:
    """Return whether the job has told that it uses the WebJobs SDK."""
    return (_site().data(kind, name) / _SDK_MARKER).is_file()


def _site() -> Site:
    return Site(operations.configuration.settings.data_dir)
