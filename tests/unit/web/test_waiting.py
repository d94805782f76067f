"""What the header Prefer may say."""

from pathlib import Path

import pytest
from flask import Flask

from jobsched.errors import Unavailable
from jobsched.web import waiting
from jobsched.web.waiting import Preference, prefer
from jobsched.web.watching import Watcher
from tests.unit.web.test_watching import Book


@pytest.mark.parametrize(
    ("header", "wait", "cancel"),
    [
        ("", None, False),
        ("wait=5", 5, False),
        ('wait="5"', 5, False),
        ("Wait = 5 ; x=y", 5, False),
        ("wait=9999", 300, False),
        ("wait=1, wait=2", 1, False),
        ("wait=-1", None, False),
        ("wait=1.5", None, False),
        ("wait=٣", None, False),
        ("wait", None, False),
        ("wait=" + "9" * 5000, None, False),
        ("respond-async, wait=3, cancel-on-disconnect", 3, True),
        (",,;=", None, False),
    ],
)
def test_a_preference_is_read_or_as_if_not_said(
    tmp_path: Path, header: str, wait: float | None, cancel: bool
) -> None:
    app = Flask("test")
    watcher = Watcher(Book(), tmp_path, share=1)
    waiting.install(app, watcher)
    with app.test_request_context("/", headers={"Prefer": header}):
        assert prefer() == Preference(wait=wait, cancel_on_disconnect=cancel)
    watcher.close()


def test_waiting_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    app = Flask("test")
    watcher = Watcher(Book(), tmp_path, share=0)
    waiting.install(app, watcher)
    with app.test_request_context("/", headers={"Prefer": "wait=1"}), pytest.raises(Unavailable):
        prefer()
    with app.test_request_context("/", headers={"Prefer": "wait=0"}):
        assert prefer().wait == 0
    watcher.close()
