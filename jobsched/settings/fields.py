"""The settings themselves: one field each, with its names, its rule and a sentence about it."""

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import Field, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from jobsched.settings import readers
from jobsched.settings.naming import DAY, names
from jobsched.settings.webjob_fields import WebJobSettings

ENVIRONMENT = (
    "PATH", "HOME", "LANG", "LC_*", "TZ", "USER", "LOGNAME", "SHELL", "TMPDIR",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDefaults:
    """What a job gets that says nothing itself; from ``job_defaults`` of SCHED_CONFIG.

    *misfire_grace* is in seconds, None = no limit, "default" = the rule of the job's trigger.
    """

    max_instances: int = 1
    coalesce: bool = True
    misfire_grace: float | Literal["default"] | None = "default"


def _capacity() -> int:
    return max(4, 4 * len(os.sched_getaffinity(0)))


def _node() -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname()).lstrip("._-")[:64] or "node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(WebJobSettings):
    """Everything that can be configured. Times in seconds and sizes in bytes unless named so."""

    conf_dir: Path = field(
        metadata=names(
            None,
            "Folder with catalog.cfg, jobsched.cfg and logging.cfg.",
            readers.path,
            flag="--conf-dir",
            env="JOBSCHED_CONF_DIR",
        )
    )
    tasks_dir: Path = field(
        metadata=names(
            "TASKS_DIR",
            "Folder with the Python files of the tasks.",
            readers.path,
            flag="--tasks-dir",
        )
    )
    data_dir: Path = field(
        default_factory=lambda: Path.cwd() / "var",
        metadata=names(
            "DATA_DIR",
            "Folder for the database, outputs and everything else that the program keeps.",
            readers.path,
            flag="--data-dir",
        ),
    )
    host: str = field(
        default="127.0.0.1",
        metadata=names(
            "HOST",
            "Address to listen on; any but a loopback address needs a token first.",
            readers.text,
            flag="--host",
        ),
    )
    port: int = field(
        default=58631,
        metadata=names(
            "JOBSCHED_PORT", "Port to listen on.", readers.integer(1, 65535), flag="--port"
        ),
    )
    cert_file: Path | None = field(
        default=None,
        metadata=names(
            "CERT_FILE",
            "PEM file with the server's certificate and its chain; with it, TLS is spoken.",
            readers.path,
        ),
    )
    key_file: Path | None = field(
        default=None,
        metadata=names(
            "KEY_FILE",
            "PEM file with the certificate's private key; without, it is in CERT_FILE.",
            readers.path,
        ),
    )
    node: str = field(
        default_factory=_node,
        metadata=names(
            "NODE",
            "Name of this machine; only one supervisor may run under it.",
            readers.node,
            flag="--node",
        ),
    )
    capacity: int = field(
        default_factory=_capacity,
        metadata=names(
            "CAPACITY",
            "How many runs may be alive at once on this machine; the others wait.",
            readers.integer(1, 10_000),
            flag="--jobs",
        ),
    )
    runners: int = field(
        default=2,
        metadata=names(
            "RUNNERS", "How many runner processes host the runs.", readers.integer(1, 64)
        ),
    )
    job_livetime: float = field(
        default=60.0,
        metadata=names(
            "JOB_LIVETIME",
            "Longest life of a RunScript run and of a @watchdog() task; 0 is no limit.",
            readers.number(0),
        ),
    )
    timezone: str = field(
        default="UTC",
        metadata=names("TIMEZONE", "Time zone of triggers that name none.", readers.timezone),
    )
    database_url: str = field(
        default="",
        repr=False,
        metadata=names(
            "DATABASE_URL",
            "Database in SQLAlchemy's form; by default a SQLite file in the data folder.",
            readers.database,
        ),
    )
    # A memory store of SCHED_CONFIG; no setting of its own, so that it can never meet the
    # address of a database that holds something.
    volatile: bool = False
    job_defaults: JobDefaults = JobDefaults()
    sched_warnings: tuple[str, ...] = ()
    grace: float = field(
        default=5.0,
        metadata=names(
            "GRACE",
            "Time between the friendly and the forced end of a run.",
            readers.number(0, DAY),
        ),
    )
    task_load_timeout: float = field(
        default=60.0,
        metadata=names(
            "TASK_LOAD_TIMEOUT",
            "Longest time that importing a task's file may take.",
            readers.number(0.1, DAY),
        ),
    )
    output_cap: int = field(
        default=50 * 2**20,
        metadata=names(
            "OUTPUT_CAP",
            "Most bytes kept of one output stream; of more, head and tail stay.",
            readers.integer(4096, 2**40),
        ),
    )
    history: int = field(
        default=30,
        metadata=names("HISTORY", "Finished runs kept of each job.", readers.integer(1, 1_000_000)),
    )
    wrap_heartbeat: float = field(
        default=30.0,
        metadata=names(
            "WRAP_HEARTBEAT",
            "Seconds between signs of life of ``jobsched wrap``; four missing ones lose its run.",
            readers.number(0.1),
        ),
    )
    history_days: int = field(
        default=30,
        metadata=names(
            "HISTORY_DAYS",
            "Days that finished runs without a job are kept.",
            readers.integer(1, 36_500),
        ),
    )
    ledger_days: int = field(
        default=90,
        metadata=names(
            "LEDGER_DAYS",
            "Days that occurrences and daily figures are kept.",
            readers.integer(1, 36_500),
        ),
    )
    fold_hours: int = field(
        default=24,
        metadata=names(
            "FOLD_HOURS",
            "Hours after which uneventful occurrences are folded into daily figures.",
            readers.integer(1, 24 * 365),
        ),
    )
    trusted_hosts: tuple[str, ...] = field(
        default=(),
        metadata=names(
            "TRUSTED_HOSTS",
            "Further names under which the server may be addressed.",
            readers.words,
        ),
    )
    rate_limit: float = field(
        default=50.0,
        metadata=names(
            "RATE_LIMIT",
            "Requests a second that one token may send in the long run.",
            readers.number(0.001, 1e6),
        ),
    )
    rate_burst: int = field(
        default=200,
        metadata=names(
            "RATE_BURST",
            "Requests that one token may send at once.",
            readers.integer(1, 1_000_000),
        ),
    )
    queue_limit: int = field(
        default=1_000_000,
        metadata=names(
            "QUEUE_LIMIT",
            "Runs that may wait; beyond that, requests for more are refused.",
            readers.integer(1, 10**9),
        ),
    )
    body_limit: int = field(
        default=1_048_576,
        metadata=names(
            "BODY_LIMIT", "Most bytes of a request's body.", readers.integer(1024, 2**30)
        ),
    )
    upload_limit: int = field(
        default=100 * 2**20,
        metadata=names(
            "UPLOAD_LIMIT",
            "Most bytes of an uploaded file or archive.",
            readers.integer(1024, 2**40),
        ),
    )
    web_threads: int = field(
        default=512,
        metadata=names(
            "WEB_THREADS", "Requests served at the same time.", readers.integer(4, 4096)
        ),
    )
    allow_root_jobs: bool = field(
        default=False,
        metadata=names(
            "ALLOW_ROOT_JOBS",
            "Acknowledge that jobs run as root; ends the warning at the start.",
            readers.boolean,
        ),
    )
    allow_submit: bool | None = field(
        default=None,
        metadata=names(
            "ALLOW_SUBMIT",
            "Whether admins may run commands with /submit; by default only on loopback.",
            readers.boolean,
        ),
    )
    run_as: str | None = field(
        default=None,
        metadata=names("RUN_AS", "User whose rights jobs run with; needs root.", readers.user),
    )
    environment: tuple[str, ...] = field(
        default=ENVIRONMENT,
        metadata=names(
            "ENVIRONMENT",
            "Variables that jobs inherit from the server; * stands for any ending.",
            readers.variables,
        ),
    )
    script_types: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: MappingProxyType({}),
        metadata=names(
            "SCRIPT_TYPES",
            "Commands that run scripts, by suffix; adds to and overrides the built-in ones.",
            readers.script_types,
            env=None,
        ),
    )
    webhook_allowed_hosts: tuple[str, ...] = field(
        default=(),
        metadata=names(
            "WEBHOOK_ALLOWED_HOSTS",
            "Hosts to which web hooks may go without TLS, or though they are private.",
            readers.words,
        ),
    )
    keep_runs: bool = field(
        default=False,
        metadata=names(
            "KEEP_RUNS",
            "Let living runs go on when the server is stopped; the next start adopts them.",
            readers.boolean,
            flag="--keep-runs",
        ),
    )

    def __post_init__(self) -> None:
        if not self.database_url:
            # A volatile database has a name of its own: emptying it never costs the real one.
            name = "volatile.db" if self.volatile else "jobsched.db"
            object.__setattr__(self, "database_url", f"sqlite:///{self.data_dir / name}")

    @property
    def runs_dir(self) -> Path:
        """Where long outputs of runs are kept."""
        return self.data_dir / "runs"


def public_name(setting: Field[Any]) -> str:
    """Return the name by which users know *setting*: that in jobsched.cfg, or its variable's."""
    given = setting.metadata
    return str(given["key"] or given["env"]) if given else "SCHED_CONFIG"
