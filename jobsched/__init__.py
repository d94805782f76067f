"""jobsched: cron with an HTTP API that tells the truth."""

TYPE_CHECKING = False  # importing it would cost what starts by the second more than all else
if TYPE_CHECKING:
    from flask import Flask

__version__ = "0.2.0"


def create_app(**options: object) -> "Flask":
    """Return the Flask application; see :func:`jobsched.app.create_app`."""
    # Imported late: what runs inside a runner or a task imports this package and nothing else.
    from jobsched.app import create_app as create

    return create(**options)


def register(app: "Flask", **options: object) -> None:
    """Add all interfaces to *app*; see :func:`jobsched.app.register`."""
    from jobsched.app import register as add

    add(app, **options)
