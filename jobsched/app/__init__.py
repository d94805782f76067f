"""The composition root: the one place that knows everybody; start and stop order.

``create_app`` and ``register`` serve the interfaces in a Flask application; ``app.serving``
starts the whole server.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobsched.app.composition import create_app, register

__all__ = ["create_app", "register"]


def __getattr__(name: str) -> object:
    """Return ``create_app`` or ``register``, late: small commands need nothing of theirs."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from jobsched.app import composition

    return getattr(composition, name)
