"""What clients of Kudu find around web jobs: app settings, web hooks, the environment."""

from jobsched.web.hooks import settings, site, subscriptions
from jobsched.web.hooks.blueprint import hooks

__all__ = ["hooks", "settings", "site", "subscriptions"]
