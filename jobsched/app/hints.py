"""The hints between the parts: supervisors hear them through the engine, the others by wake-ups."""

from collections.abc import Callable
from pathlib import Path

from jobsched.dispatch import ENGINES
from jobsched.wake import Wake

ENGINE = "local"


def hints(data_dir: Path) -> Callable[[str], None]:
    """Return the function that wakes the listeners of a topic (``wake.TOPICS``)."""
    wake, dispatcher = Wake(data_dir), ENGINES[ENGINE](data_dir)

    def notify(topic: str) -> None:
        if topic == "supervisor":
            dispatcher.hint()
        else:
            wake.notify(topic)

    return notify
