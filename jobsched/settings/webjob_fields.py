"""The settings of web jobs, which are app settings too."""

from dataclasses import dataclass, field

from jobsched.settings import readers
from jobsched.settings.naming import DAY, renamed


@dataclass(frozen=True, slots=True, kw_only=True)
class WebJobSettings:
    """What is configured of web jobs. Times in seconds."""

    webjobs_root_path: str = field(
        default="",
        metadata=renamed(
            "WEBJOBS_ROOT_PATH",
            "Folder with the web jobs; a relative one starts at site/wwwroot.",
            readers.text,
        ),
    )
    webjobs_restart_time: float = field(
        default=60.0,
        metadata=renamed(
            "WEBJOBS_RESTART_TIME",
            "Seconds between the end of a continuous job and its next start.",
            readers.number(0, DAY),
            "SCM_JOBS_INTERVAL",
        ),
    )
    webjobs_idle_timeout: float = field(
        default=120.0,
        metadata=renamed(
            "WEBJOBS_IDLE_TIMEOUT",
            "Seconds that a run of a triggered web job may be without output and CPU use.",
            readers.number(0),
            "SCM_JOBS_IDLE_TIMEOUT",
        ),
    )
    webjobs_history_size: int = field(
        default=30,
        metadata=renamed(
            "WEBJOBS_HISTORY_SIZE",
            "Finished runs kept of each triggered web job.",
            readers.integer(1, 1_000_000),
            "SCM_MAX_JOB_RUNS",
        ),
    )
    webjobs_stopped: bool = field(
        default=False,
        metadata=renamed("WEBJOBS_STOPPED", "Let no web job run.", readers.boolean),
    )
    webjobs_disable_schedule: bool = field(
        default=False,
        metadata=renamed(
            "WEBJOBS_DISABLE_SCHEDULE",
            "Run web jobs by hand only, whatever their schedules say.",
            readers.boolean,
        ),
    )
    webjobs_log_triggered_jobs_to_app_logs: bool = field(
        default=False,
        metadata=renamed(
            "WEBJOBS_LOG_TRIGGERED_JOBS_TO_APP_LOGS",
            "Copy what triggered web jobs write into the log of the application.",
            readers.boolean,
        ),
    )
    website_time_zone: str = field(
        default="",
        metadata=renamed(
            "WEBSITE_TIME_ZONE",
            "Time zone of the schedules of web jobs that name none.",
            readers.timezone,
        ),
    )
