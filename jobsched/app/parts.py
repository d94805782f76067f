"""The parts of the server: what each one does in its process, and how it hears that it shall stop.

A part is told to leave by SIGTERM (or SIGINT when it was started alone); a second one hurries it.
"""

import signal
from collections.abc import Callable, Mapping
from dataclasses import replace

from flask import Flask

from jobsched.app import titles
from jobsched.app.children import Beat, Heartbeat
from jobsched.app.hints import hints
from jobsched.app.start import Start
from jobsched.errors import ConfigurationError
from jobsched.operations import parts as signs
from jobsched.wake import Wake

CONFIGURATION = 2


Main = Callable[[Start, Beat], None]


def live(name: str, start: Start, beat: Beat) -> int:
    """Be the part called *name* until told to stop; return the process's exit code."""
    titles.show(name)
    _catch_signals(name, start)
    data_dir = start.settings.data_dir
    if isinstance(beat, Heartbeat):
        start = replace(start, shut_down=beat.ask_to_stop)
    try:
        PARTS[name](start, signs.signs(data_dir, name, beat))
    except ConfigurationError as error:
        for mistake in error.mistakes:
            print(f"jobsched {name}: {mistake}", flush=True)  # noqa: T201 - the log may be elsewhere
        return CONFIGURATION
    finally:
        signs.end(data_dir, name)
    return 0


def bring_in() -> None:
    """Import what the parts need, before they are forked.

    Each would import it again otherwise: the supervisor, to tell of runs, has most of what the
    web part has. What the parent has imported is there, and shared, when a part is started anew.
    """
    import jobsched.app.chores
    import jobsched.app.composition
    import jobsched.app.watching
    import jobsched.app.webhooks
    import jobsched.execution.supervisor.serving
    import jobsched.scheduling.service  # noqa: F401


def _catch_signals(name: str, start: Start) -> None:
    wake = Wake(start.settings.data_dir)

    def told(*_: object) -> None:
        if start.stopping.is_set():
            start.at_once.set()
        start.stopping.set()
        wake.notify(name)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)


def _web(start: Start, beat: Beat) -> None:
    from jobsched.app.composition import compose
    from jobsched.web import server

    def application() -> Flask:
        return compose(Flask("jobsched", static_folder=None), start)

    listener = start.listener or server.listen(start.settings.host, start.settings.port)
    server.run(start.settings, listener, application, beat, start.stopping, start.certificate)


def _scheduler(start: Start, beat: Beat) -> None:
    from jobsched.scheduling import service

    notify = hints(start.settings.data_dir)
    service.run(start.settings, beat, start.stopping, notify, start.calendars)


def _supervisor(start: Start, beat: Beat) -> None:
    from jobsched.app.chores import Chores
    from jobsched.app.watching import Watching
    from jobsched.app.webhooks import Telling
    from jobsched.execution.supervisor import serving

    notify = hints(start.settings.data_dir)
    beside = (
        Chores(start.settings, notify),
        Watching(start, notify),
        Telling(start),
    )
    for each in beside:
        each.start()
    try:
        serving.run(start.settings, start.catalog, beat, start.stopping, start.at_once)
    finally:
        for each in beside:
            each.stop()


# In the order in which they are stopped.
PARTS: Mapping[str, Main] = {"web": _web, "scheduler": _scheduler, "supervisor": _supervisor}
