"""What the app settings of a site say about its web jobs (webjobs.md, section 3).

App settings are texts by name, kept in the switch ``app_settings``; whatever runs web jobs reads
them there. They count before the settings of jobsched.cfg. As Kudu reads them: true is ``1`` or
``true``; numbers are whole seconds, a negative one is 0, what is no number does not count. A name
of 2013 counts where today's is not there.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from jobsched.settings import readers

SWITCH = "app_settings"
RESTART_TIME = ("WEBJOBS_RESTART_TIME", "SCM_JOBS_INTERVAL")
IDLE_TIMEOUT = ("WEBJOBS_IDLE_TIMEOUT", "SCM_JOBS_IDLE_TIMEOUT")
HISTORY_SIZE = ("WEBJOBS_HISTORY_SIZE", "SCM_MAX_JOB_RUNS")
ROOT_PATH = "WEBJOBS_ROOT_PATH"
STOPPED = "WEBJOBS_STOPPED"
DISABLE_SCHEDULE = "WEBJOBS_DISABLE_SCHEDULE"
LOG_TO_APPLICATION = "WEBJOBS_LOG_TRIGGERED_JOBS_TO_APP_LOGS"
TIME_ZONE = "WEBSITE_TIME_ZONE"
_TRUE = {"1", "true"}
_WHOLE = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)
_MOST_KEPT = 1_000_000


class Configured(Protocol):
    """What jobsched's own settings say, where no app setting says anything."""

    @property
    def webjobs_root_path(self) -> str: ...
    @property
    def webjobs_idle_timeout(self) -> float: ...
    @property
    def webjobs_history_size(self) -> int: ...
    @property
    def webjobs_stopped(self) -> bool: ...
    @property
    def webjobs_disable_schedule(self) -> bool: ...
    @property
    def webjobs_log_triggered_jobs_to_app_logs(self) -> bool: ...
    @property
    def website_time_zone(self) -> str: ...


class Switches(Protocol):
    """Where app settings are kept: ``storage.switches``."""

    def get(self, name: str) -> dict[str, Any] | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSettings:
    """The app settings as they are now, over what is *configured*. Times in seconds."""

    configured: Configured
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def root_path(self) -> str:
        """Where web jobs are looked for first; empty for the usual place."""
        return self.values.get(ROOT_PATH, "").strip() or self.configured.webjobs_root_path

    @property
    def idle_timeout(self) -> float:
        """How long a triggered run may be silent and idle; 0 = no limit."""
        said = self._seconds(IDLE_TIMEOUT)
        return self.configured.webjobs_idle_timeout if said is None else said

    @property
    def history_size(self) -> int:
        """How many finished runs of a triggered job are kept; at least one."""
        said = self._number(HISTORY_SIZE)
        if said is None or said <= 0:
            return self.configured.webjobs_history_size
        return min(said, _MOST_KEPT)

    @property
    def stopped(self) -> bool:
        """Whether no web job shall run."""
        return self._truth(STOPPED, self.configured.webjobs_stopped)

    @property
    def schedule_disabled(self) -> bool:
        """Whether schedules are ignored; runs by hand go on."""
        return self._truth(DISABLE_SCHEDULE, self.configured.webjobs_disable_schedule)

    @property
    def logs_to_application(self) -> bool:
        """Whether the log of the application also gets what triggered jobs write."""
        return self._truth(
            LOG_TO_APPLICATION, self.configured.webjobs_log_triggered_jobs_to_app_logs
        )

    @property
    def time_zone(self) -> str:
        """The zone of schedules that name none; empty when nobody says."""
        try:
            return readers.timezone(self.values.get(TIME_ZONE))
        except ValueError:
            return self.configured.website_time_zone

    def restart_time(self, configured: float) -> float:
        """Return the seconds between the end of a continuous job and its next start."""
        said = self._seconds(RESTART_TIME)
        return configured if said is None else said

    def _truth(self, name: str, configured: bool) -> bool:
        said = self.values.get(name)
        return configured if said is None else said.strip().lower() in _TRUE

    def _seconds(self, names: tuple[str, ...]) -> float | None:
        said = self._number(names)
        return None if said is None else float(max(0, said))

    def _number(self, names: tuple[str, ...]) -> int | None:
        """Return what the first of *names* says that is there and a whole number."""
        for name in names:
            if _WHOLE.fullmatch(text := self.values.get(name, "").strip()):
                return int(text)
        return None


def read(switches: Switches, configured: Configured) -> AppSettings:
    """Return the app settings as they are now. Raises: DatabaseBusy, Unavailable."""
    return AppSettings(configured=configured, values=switches.get(SWITCH) or {})
