"""Switches that are changed by many at once keep every change."""

from collections.abc import Mapping
from threading import Thread
from typing import Any

import pytest

from jobsched.storage import Store


def with_name(name: str) -> Any:
    def change(present: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**present, name: "1"}

    return change


def test_a_switch_is_changed_from_what_it_is(store: Store) -> None:
    store.switches.change("colours", with_name("red"))
    store.switches.change("colours", with_name("blue"))

    assert store.switches.get("colours") == {"red": "1", "blue": "1"}


def test_changes_at_the_same_time_are_all_kept(store: Store) -> None:
    names = [f"colour{number}" for number in range(8)]
    threads = [
        Thread(target=store.switches.change, args=("colours", with_name(name))) for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert store.switches.get("colours") == dict.fromkeys(names, "1")


def test_a_change_that_is_refused_changes_nothing(store: Store) -> None:
    store.switches.put("colours", {"red": "1"})

    def refuse(_present: Mapping[str, Any]) -> Mapping[str, Any]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.switches.change("colours", refuse)

    assert store.switches.get("colours") == {"red": "1"}
