"""Every setting of the program: read from flags, environment and jobsched.cfg, then frozen.

A flag wins over the environment (``JOBSCHED_*``), that over jobsched.cfg, that over the default.
To add a setting, add one field to :class:`Settings` and its paragraph in
docs/configuration.rst.
"""

from jobsched.settings.fields import JobDefaults, Settings, public_name
from jobsched.settings.loading import load

__all__ = ["JobDefaults", "Settings", "load", "public_name"]
