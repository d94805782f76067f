"""What a runner is told about how the health of a run is checked."""

from urllib.parse import urlsplit

from jobsched.execution.protocol import Message
from jobsched.model import Health

_LOCALHOST = "127.0.0.1"
_PORT = 80


def health_order(health: Health | None) -> Message | None:
    """Return the order for *health*: a command, or a page by the address of its host.

    The runner looks no name up; ``localhost`` is the address that it nearly always is.
    """
    if health is None:
        return None
    order: Message = {
        "interval": health.interval,
        "timeout": health.timeout,
        "failures": health.failures,
    }
    if health.url is None:
        return {**order, "command": list(health.command)}
    parts = urlsplit(health.url)
    host = parts.hostname or _LOCALHOST
    return {
        **order,
        "host": _LOCALHOST if host == "localhost" else host,
        "port": parts.port or _PORT,
        "path": (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        "name": parts.netloc,
    }
