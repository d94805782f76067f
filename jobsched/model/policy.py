"""How the runs of a job are treated: lateness, retries, health, limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from jobsched.model.words import CatchUp, OnLost, Overlap


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfire:
    """How late a moment may start (seconds; None = no limit) and which of several run."""

    grace: float | None = 300.0
    catch_up: CatchUp = CatchUp.LAST


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """Automatic retries: *max* of them, *backoff* seconds apart, each time *factor* longer.

    No delay is longer than *max_backoff*; *jitter* is the fraction of it that is drawn at random.
    *exit_codes* and *exceptions* limit retries to ends with one of these codes, or by an exception
    of one of these classes or of one derived from it; None for both means every failure but a
    stop. A class is named alone (``ConnectionError``) or with its module (``http.client.Error``).
    """

    max: int = 0
    backoff: float = 10.0
    factor: float = 2.0
    max_backoff: float = 3600.0
    jitter: float = 0.0
    exit_codes: tuple[int, ...] | None = None
    exceptions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a continuous job is found to hang: a *command* fails, or a *url* does not answer.

    Every *interval* seconds, for *timeout* seconds at the most; it is started anew after so many
    *failures* in a row.
    """

    command: tuple[str, ...] = ()
    url: str | None = None
    interval: float = 30.0
    timeout: float = 5.0
    failures: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a job's runs are treated. Times in seconds; 0 = no limit; None = the task's default."""

    max_instances: int = 1
    overlap: Overlap = Overlap.SKIP
    misfire: Misfire = field(default_factory=Misfire)
    timeout: float | None = None
    idle_timeout: float | None = None
    grace: float | None = None
    retries: Retries = field(default_factory=Retries)
    on_lost: OnLost = OnLost.FAIL
    history: int | None = None
    queue: str = "default"
    priority: int = 0
    jitter: float = 0.0
    env: Mapping[str, str] = field(default_factory=dict)
    run_as: str | None = None
    detach: bool = False
    singleton: bool = False  # continuous jobs: on one machine at a time
    health: Health | None = None
