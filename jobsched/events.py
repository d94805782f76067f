"""Telling what happened inside one process: a tuple of listeners, called in order.

Publishers state facts after their transaction has been committed; listeners (logs, waiting
clients, retention) react. Nothing else flows upwards through the layers.
"""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact: *name* such as ``run finished``, and its *fields* in the order they are shown."""

    name: str
    level: int
    fields: dict[str, object] = field(default_factory=dict)


Listener = Callable[[Event], None]
_listeners: list[Listener] = []


def listen(listener: Listener) -> Callable[[], None]:
    """Call *listener* for every event from now on; return the function that ends this."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)


def publish(event: Event) -> None:
    """Tell every listener of *event*. A listener must not raise."""
    for listener in tuple(_listeners):
        listener(event)
