"""What Kudu's routes take and answer, for /openapi.json."""

from typing import Any

from pydantic import Field, RootModel

from jobsched.web.payloads.base import Payload

# Clients add query parameters of their own, so these describe and do not check.


class KuduRunQuery(Payload):
    """How a run is asked for; JSON and form bodies may hold the same."""

    arguments: str = Field(default="", description="The arguments of the script, as in a shell.")


class KuduSingletonQuery(Payload):
    """On how many machines a continuous job shall run."""

    isSingleton: bool = Field(description="Whether on one machine only.")  # noqa: N815


class KuduRun(Payload):
    """One run of a triggered job."""

    id: str
    name: str
    status: str
    start_time: str
    end_time: str
    duration: str
    output_url: str | None
    error_url: str | None
    url: str
    job_name: str
    trigger: str


class KuduHistory(Payload):
    """The runs of a triggered job, newest first."""

    runs: list[KuduRun]


class _KuduJob(Payload):
    name: str
    run_command: str | None
    runCommand: str | None  # noqa: N815
    url: str
    extra_info_url: str
    type: str
    error: str | None
    using_sdk: bool
    settings: dict[str, Any]


class KuduTriggeredJob(_KuduJob):
    """A triggered job, scheduled or not."""

    latest_run: KuduRun | None
    history_url: str
    scheduler_logs_url: str | None
    next_run: str | None


class KuduContinuousJob(_KuduJob):
    """A continuous job."""

    status: str
    detailed_status: str
    log_url: str


class KuduJob(RootModel[KuduTriggeredJob | KuduContinuousJob]):
    """A job of either type."""


class KuduJobs(RootModel[list[KuduTriggeredJob | KuduContinuousJob]]):
    """Jobs, triggered ones first."""


class KuduSettings(RootModel[dict[str, Any]]):
    """The whole of settings.job; unknown keys are kept."""


class ArmResource(Payload):
    """Something in the envelope of ARM."""

    id: str
    name: str
    type: str
    location: str
    properties: dict[str, Any]


class ArmList(Payload):
    """All there is in one page."""

    value: list[ArmResource]
    nextLink: None  # noqa: N815


class KuduEnvironment(Payload):
    """What answers here."""

    version: str


class KuduSwagger(RootModel[dict[str, Any]]):
    """A swagger 2.0 document of the triggered jobs."""
