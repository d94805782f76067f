"""Telling web hooks what happened: a thread that looks for what is due, and one for each post.

Everything stands in the database before it is told; of each hook one delivery is under way at a
time, the oldest first. What fails is tried again, later each time; a receiver that answers 410
wants no more and is removed (Kudu: Kudu.Core/Hooks/WebHooksManager.cs).
"""

import logging
import threading
from collections.abc import Callable, Mapping

import jobsched
from jobsched import clock
from jobsched.errors import InvalidInput, JobschedError
from jobsched.events import Event, publish
from jobsched.model import Run
from jobsched.operations.webhooks import addresses, bodies, posting
from jobsched.operations.webhooks.posting import Answer
from jobsched.settings import Settings
from jobsched.storage import Store
from jobsched.storage.deliveries import Attempt, Delivery
from jobsched.storage.happenings import FINISHED
from jobsched.storage.hooks import Hook

DELAYS = (2.0, 8.0, 32.0, 128.0, 512.0, 2048.0, 3600.0)  # seconds before each further attempt
KEPT = 100  # finished deliveries of each hook
GONE = 410
_AT_ONCE = 8
_LOOK_EVERY = 1.0
_SHORTEST = 0.05  # between two looks, however much happens
_PRUNE_EVERY = 60.0
# Longer than an attempt can take, with the name server's time: then another process may try.
_CLAIM_SECONDS = 60.0
_STOP_SECONDS = 3.0

RunObject = Callable[[Run, str], Mapping[str, object] | None]  # Kudu's; of a base URL
_NEWS = frozenset({"run finished", "run stopping"})


class Deliverer:
    """Tells web hooks, with a store of its own; *run_object* makes what Kudu's event posts."""

    def __init__(self, settings: Settings, store: Store, run_object: RunObject) -> None:
        self._settings = settings
        self._store = store
        self._run_object = run_object
        self._done, self._news = threading.Event(), threading.Event()
        self._busy: dict[str, threading.Thread] = {}  # by hook
        self._prune_at = 0.0
        self._thread = threading.Thread(target=self._work, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin; what an earlier process of this node had under way is due again."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is under way has some seconds, and is tried again after the next start."""
        self._done.set()
        self._news.set()
        self._thread.join()
        until = clock.monotonic() + _STOP_SECONDS
        for thread in list(self._busy.values()):
            thread.join(max(0.0, until - clock.monotonic()))

    def hear(self, event: Event) -> None:
        """Look at once when a run has ended: a listener for events, called by any thread."""
        if event.name in _NEWS:
            self._news.set()

    def _work(self) -> None:
        released = False
        while not self._done.is_set():
            self._news.clear()
            try:
                if not released:
                    self._store.deliveries.release(self._settings.node, clock.now_us())
                    released = True
                self._round()
            except JobschedError as error:
                _trouble(error.detail)
            except Exception as error:  # the thread's edge: the next round may well succeed
                _trouble(repr(error))
            if self._news.wait(_LOOK_EVERY):
                self._done.wait(_SHORTEST)

    def _round(self) -> None:
        hooks = {hook.id: hook for hook in self._store.hooks.list()}
        if not hooks:
            self._news.clear()  # nobody listens: what happens needs no second look
            return
        if clock.monotonic() >= self._prune_at:
            self._prune_at = clock.monotonic() + _PRUNE_EVERY
            self._store.deliveries.prune(hooks, KEPT)
        for delivery in self._store.deliveries.due(clock.now_us()):
            hook = hooks.get(delivery.hook_id)
            if hook is not None and len(self._busy) < _AT_ONCE and hook.id not in self._busy:
                self._begin(hook, delivery)

    def _begin(self, hook: Hook, delivery: Delivery) -> None:
        node, now_us = self._settings.node, clock.now_us()
        if not self._store.deliveries.claim(delivery, node, _CLAIM_SECONDS, now_us):
            return
        name = f"webhook {hook.id}"
        thread = threading.Thread(
            target=self._attempt, args=(hook, delivery), name=name, daemon=True
        )
        self._busy[hook.id] = thread
        thread.start()

    def _attempt(self, hook: Hook, delivery: Delivery) -> None:
        try:
            self._tell(hook, delivery)
        except JobschedError as error:
            _trouble(error.detail)
        except Exception as error:  # the thread's edge: the claim runs out, and it is tried again
            _trouble(repr(error))
        finally:
            del self._busy[hook.id]
            self._news.set()

    def _tell(self, hook: Hook, delivery: Delivery) -> None:
        began_us, began = clock.now_us(), clock.monotonic()
        body = delivery.body or self._body(hook, delivery)
        if body is None:
            answer = Answer(status=None, reason="its run is gone", forbidden=True)
        else:
            answer = self._post(hook, delivery, body)
        attempt = Attempt(
            at_us=began_us,
            status=answer.status,
            reason=answer.reason,
            seconds=round(clock.monotonic() - began, 3),
        )
        delay = _delay(answer, len(delivery.attempts))
        next_us = None if delay is None else clock.now_us() + round(delay * clock.SECOND)
        if self._store.deliveries.settle(delivery, attempt, next_us, body):
            self._tell_log(hook, delivery, answer, delay)
        if answer.status == GONE:
            self._store.hooks.delete(hook.id)

    def _body(self, hook: Hook, delivery: Delivery) -> str | None:
        """Return what is posted; None when the run that it is about has been removed."""
        run = None if delivery.run_id is None else self._store.runs.get(delivery.run_id)
        if run is None and delivery.run_id is not None:
            return None
        if delivery.event == FINISHED and run is not None:
            told = self._run_object(run, hook.base_url)
            return None if told is None else bodies.text_of(told)
        return bodies.text_of(bodies.body_of(hook, delivery, run))

    def _post(self, hook: Hook, delivery: Delivery, body: str) -> Answer:
        allowed = self._settings.webhook_allowed_hosts
        try:
            address = addresses.parse(hook.url, allowed)
        except InvalidInput as error:  # the setting was another one when it was subscribed
            return Answer(status=None, reason=error.detail, forbidden=True)
        address = addresses.with_login(address, hook.login)
        headers = _headers(hook, delivery)
        return posting.post(
            address, body.encode(), headers, allowed, insecure_ssl=hook.insecure_ssl
        )

    def _tell_log(
        self, hook: Hook, delivery: Delivery, answer: Answer, delay: float | None
    ) -> None:
        fields: dict[str, object] = {"hook": hook.id, "delivery": delivery.id}
        fields |= {"event": delivery.event, "status": answer.status, "reason": answer.reason}
        if answer.status == GONE:
            publish(Event(name="web hook removed", level=logging.WARNING, fields=fields))
        elif _is_good(answer):
            publish(Event(name="web hook told", level=logging.INFO, fields=fields))
        elif delay is None:
            publish(Event(name="web hook given up", level=logging.ERROR, fields=fields))
        else:
            fields["again_in"] = delay
            publish(Event(name="web hook not reached", level=logging.WARNING, fields=fields))


def _is_good(answer: Answer) -> bool:
    return answer.status is not None and 200 <= answer.status < 300


def _delay(answer: Answer, attempts: int) -> float | None:
    """Return the seconds until the next attempt, None when there is none."""
    if _is_good(answer) or answer.forbidden or answer.status == GONE or attempts >= len(DELAYS):
        return None
    return DELAYS[attempts]


def _headers(hook: Hook, delivery: Delivery) -> dict[str, str]:
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": f"jobsched/{jobsched.__version__}",
        "Connection": "close",
        "X-Jobsched-Event": delivery.event,
        "X-Jobsched-Delivery": f"{hook.id}-{delivery.id}",
        "X-Jobsched-Attempt": str(len(delivery.attempts) + 1),
    }


def _trouble(reason: str) -> None:
    fields: dict[str, object] = {"part": "webhooks", "reason": reason}
    publish(Event(name="database trouble", level=logging.WARNING, fields=fields))
