"""JobSchedServer's text commands (seed 001): /submit /jobinfo /kill /wait /shutdown /help."""

from jobsched.web.commands import ending, helping, listing, submitting
from jobsched.web.commands.blueprint import commands

__all__ = ["commands", "ending", "helping", "listing", "submitting"]
