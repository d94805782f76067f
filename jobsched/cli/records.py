"""``jobsched record``: its place in the help; a run's own file does the work."""

from jobsched.cli.commands.base import Commands


def add(commands: Commands, name: str, about: str) -> None:
    """Add the command *name*, whose words nobody reads here."""
    commands.add_parser(name, help=about, add_help=False)
