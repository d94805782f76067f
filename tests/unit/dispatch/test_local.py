"""The local engine: hints for the supervisor of this machine."""

from pathlib import Path

from jobsched.dispatch import ENGINES, Dispatcher, LocalDispatcher
from jobsched.wake import Listener


def test_a_hint_wakes_the_supervisor(tmp_path: Path) -> None:
    dispatcher = LocalDispatcher(tmp_path)

    with Listener(tmp_path, "supervisor") as listener:
        dispatcher.hint()

        assert listener.wait(1.0)
    dispatcher.close()


def test_every_engine_keeps_to_the_seam(tmp_path: Path) -> None:
    for name, engine in ENGINES.items():
        dispatcher: Dispatcher = engine(tmp_path)

        assert dispatcher.name == name
        dispatcher.close()
