"""What every part of the server is started with."""

import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from jobsched.catalog import Catalog
from jobsched.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a part is started with; *flags* as given, *listener* for the web part."""

    settings: Settings
    catalog: Catalog
    flags: Mapping[str, object] = field(default_factory=dict)
    listener: socket.socket | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    at_once: threading.Event = field(default_factory=threading.Event)
