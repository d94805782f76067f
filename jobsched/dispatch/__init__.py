"""How supervisors learn of work: the engines."""

from collections.abc import Callable, Mapping
from pathlib import Path

from jobsched.dispatch.base import Dispatcher
from jobsched.dispatch.local import LocalDispatcher

ENGINES: Mapping[str, Callable[[Path], Dispatcher]] = {LocalDispatcher.name: LocalDispatcher}

__all__ = ["ENGINES", "Dispatcher", "LocalDispatcher"]
