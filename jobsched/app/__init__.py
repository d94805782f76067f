"""The composition root: the one place that knows everybody; start and stop order.

``create_app`` and ``register`` serve the interfaces in a Flask application; ``app.serving``
starts the whole server.
"""

from jobsched.app.composition import create_app, register

__all__ = ["create_app", "register"]
