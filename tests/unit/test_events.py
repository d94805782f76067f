"""Listeners hear events in order until they stop listening."""

import logging

from jobsched import events
from jobsched.events import Event

FINISHED = Event(name="run finished", level=logging.INFO, fields={"run": 7})


def test_every_listener_hears_each_event_in_order() -> None:
    heard: list[tuple[str, Event]] = []
    ends = [
        events.listen(lambda event: heard.append(("first", event))),
        events.listen(lambda event: heard.append(("second", event))),
    ]

    events.publish(FINISHED)
    for end in ends:
        end()

    assert heard == [("first", FINISHED), ("second", FINISHED)]


def test_who_stopped_listening_hears_nothing() -> None:
    heard: list[Event] = []
    end = events.listen(heard.append)

    end()
    events.publish(FINISHED)

    assert heard == []


def test_a_listener_may_stop_listening_while_it_hears() -> None:
    heard: list[Event] = []

    def once(event: Event) -> None:
        heard.append(event)
        end()

    end = events.listen(once)
    events.publish(FINISHED)
    events.publish(FINISHED)

    assert heard == [FINISHED]


def test_an_event_without_facts_has_no_fields() -> None:
    assert Event(name="server ready", level=logging.INFO).fields == {}
