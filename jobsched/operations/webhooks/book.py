"""The verbs on web hooks: subscribing, looking, removing, publishing by hand."""

import builtins
import re
from dataclasses import dataclass

from jobsched.errors import InvalidInput, UnknownHook
from jobsched.operations.announce import Announcer
from jobsched.operations.webhooks import addresses
from jobsched.settings import Settings
from jobsched.storage import Store
from jobsched.storage.deliveries import Delivery
from jobsched.storage.happenings import EVENTS
from jobsched.storage.hooks import Hook, NewHook

SHOWN = 100  # deliveries
_ID = re.compile(r"[0-9a-f]{1,32}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookDraft:
    """What is asked for: *url* may carry ``USER:PASSWORD@``; *base_url* is for links to us."""

    url: str
    events: tuple[str, ...]
    base_url: str
    insecure_ssl: bool = False
    only_failures: bool = False


class WebHooks:
    """Managing who is told of what."""

    def __init__(self, store: Store, settings: Settings, announce: Announcer) -> None:
        self._store = store
        self._settings = settings
        self._announce = announce

    def subscribe(self, draft: HookDraft, by: str) -> Hook:
        """Add a web hook.

        Raises: InvalidInput for an address that may not be called or an event that there is not;
            HookExists; Conflict when there are too many.
        """
        for event in draft.events:
            self._check_event(event)
        address = addresses.parse(draft.url, self._settings.webhook_allowed_hosts)
        new = NewHook(
            url=address.url,
            login=address.login,
            events=tuple(dict.fromkeys(draft.events)),
            base_url=draft.base_url,
            insecure_ssl=draft.insecure_ssl,
            only_failures=draft.only_failures,
        )
        hook = self._store.hooks.add(new)
        self._announce.server("web hook added", by, hook=hook.id, host=_host(hook))
        return hook

    def list(self) -> builtins.list[Hook]:
        """Return all web hooks, oldest first."""
        return self._store.hooks.list()

    def get(self, hook_id: str) -> Hook:
        """Return one web hook. Raises: UnknownHook."""
        hook = self._found(hook_id)
        if hook is None:
            raise UnknownHook(hook_id)
        return hook

    def deliveries(self, hook_id: str) -> tuple[Delivery, ...]:
        """Return what a web hook was and will be told, newest first. Raises: UnknownHook."""
        self.get(hook_id)
        return tuple(self._store.deliveries.of_hook(hook_id, SHOWN))

    def delete(self, hook_id: str, by: str) -> None:
        """Remove a web hook, and what it has not been told yet; nothing when there is none."""
        hook = self._found(hook_id)
        if hook is not None and self._store.hooks.delete(hook_id):
            self._announce.server("web hook deleted", by, hook=hook.id, host=_host(hook))

    def publish(self, event: str, body: str) -> int:
        """Tell everybody who wants *event* the JSON text *body*; return how many that are.

        Raises: InvalidInput when there is no such event.
        """
        self._check_event(event)
        return self._store.deliveries.publish(event, body)

    def _found(self, hook_id: str) -> Hook | None:
        return self._store.hooks.get(hook_id) if _ID.fullmatch(hook_id) else None

    def _check_event(self, event: str) -> None:
        if event not in EVENTS:
            message = f"event must be one of {', '.join(EVENTS)}."
            raise InvalidInput.field("event", "choice", message)


def _host(hook: Hook) -> str:
    """Return what everybody may know of an address: the rest may be a secret."""
    return hook.url.partition("://")[2].partition("/")[0]
