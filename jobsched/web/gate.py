"""The gate: what every request of every interface must pass before any route sees it.

In this order: Host, cross-site, who, how much, role, body size. An endpoint is exempt from *who*
by its exact name only. Afterwards every answer gets its security headers and every request that
may change something, or was refused for who made it, its audit row.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request
from werkzeug.routing import BaseConverter

from jobsched import auth, clock
from jobsched.auth import Principal, TokenBook
from jobsched.errors import (
    ConfigurationError,
    JobschedError,
    MalformedRequest,
    Mistake,
    NotAllowed,
    NotAuthenticated,
    TooManyRequests,
)
from jobsched.model import Role
from jobsched.settings.addresses import is_loopback
from jobsched.web import bodies, origins, peers
from jobsched.web.audit import AuditRow
from jobsched.web.limits import Buckets

EXEMPT = frozenset({"health.healthz", "health.readyz"})
READING = frozenset({"GET", "HEAD", "OPTIONS"})
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # unless a view says otherwise, as with each of these
}
_PAIRS = tuple((name.lower(), (name, value)) for name, value in HEADERS.items())
LOOPBACK = "loopback"

View = TypeVar("View", bound=Callable[..., Any])


class GateSettings(Protocol):
    """The settings that the gate obeys."""

    @property
    def host(self) -> str: ...
    @property
    def trusted_hosts(self) -> tuple[str, ...]: ...
    @property
    def rate_limit(self) -> float: ...
    @property
    def rate_burst(self) -> int: ...
    @property
    def body_limit(self) -> int: ...
    @property
    def upload_limit(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """What one endpoint asks of a request: declared beside its view."""

    role: Role
    changes_state: bool
    body_limit: int | None
    takes_uploads: bool
    only_from_here: bool


def needs(role: Role) -> Callable[[View], View]:
    """Declare the role that a view needs (default: viewer to read, admin for the rest)."""
    return _declaring("needed_role", role)


def changes_state(view: View) -> View:
    """Declare that even a GET of this view changes something."""
    return _declaring("changes_state", True)(view)


def from_here(view: View) -> View:
    """Declare that pages of other sites may not even send GET to this view."""
    return _declaring("only_from_here", True)(view)


def changes_nothing(view: View) -> View:
    """Declare that a view changes nothing, whatever its method: it leaves no audit row."""
    return _declaring("changes_state", False)(view)


def body_limit(limit: int) -> Callable[[View], View]:
    """Declare how many bytes of body a view takes, in place of the setting."""
    return _declaring("body_limit", limit)


def takes_uploads(view: View) -> View:
    """Declare that the limit of uploads holds for a view's bodies (it streams them to disk)."""
    return _declaring("takes_uploads", True)(view)


def concerns(target: str) -> None:
    """Say which objects the present request is about, for the audit, where its path does not."""
    g.concerned = target


def demand(role: Role) -> None:
    """Ask for more than a view has declared, because of what the present request is about.

    Raises: NotAllowed; like every refusal of the gate it gets an audit row.
    """
    try:
        _require(principal(), role)
    except NotAllowed:
        g.audited = True
        raise


def leaves_no_row() -> None:
    """Note nothing of the present request: it has turned out that it changes nothing."""
    g.audited = False


def principal() -> Principal:
    """Return who makes the present request."""
    found: Principal = g.principal
    return found


class Gate:
    """Decides about requests. *peer_is_own* tells whether the peer is our own user here."""

    def __init__(
        self,
        settings: GateSettings,
        tokens: TokenBook,
        audit: Callable[[AuditRow], None],
        peer_is_own: Callable[[Mapping[str, Any]], bool] = peers.is_own,
    ) -> None:
        self._settings, self._tokens, self._audit = settings, tokens, audit
        self._peer_is_own = peer_is_own
        self._hosts = frozenset(_trusted(settings))
        self._buckets = Buckets(settings.rate_limit, settings.rate_burst)
        self._touched: dict[int, int] = {}

    def check(self) -> None:
        """Let the present request through, or refuse it.

        Raises: MalformedRequest, NotAuthenticated, NotAllowed, TooManyRequests, TooLarge.
        """
        g.request_id = str(uuid.uuid4())
        g.principal = Principal(name="-", role=Role.VIEWER, source=request.remote_addr or "-")
        demands = _demands()
        g.audited = demands.changes_state
        self._check_host()
        unsafe = demands.changes_state or request.method not in READING
        if unsafe or demands.only_from_here:
            origins.check_site()
        if request.endpoint not in EXEMPT:
            self._admit_audited(demands.role)
        self._check_body(demands)

    def finish(self, response: Response) -> Response:
        """Dress the answer, and note a change in the audit log."""
        headers = response.headers
        present = {name.lower() for name, _ in headers}
        headers["X-Request-Id"] = g.get("request_id", "-")
        headers.extend([pair for name, pair in _PAIRS if name not in present])
        if g.get("audited"):
            self._audit(_audit_row(response))
        return response

    def _check_host(self) -> None:
        sent = request.environ.get("HTTP_HOST", "")
        if origins.host_of(sent) not in self._hosts:
            message = f"Host {sent[:100]!r} is not served here; TRUSTED_HOSTS names those that are."
            raise MalformedRequest.field("Host", "trusted", message)

    def _admit_audited(self, needed: Role) -> None:
        """Admit, and have every refusal noted: of too many requests one a minute and client."""
        try:
            self._admit(needed)
        except (NotAuthenticated, NotAllowed):
            g.audited = True
            raise
        except TooManyRequests as refusal:
            g.audited = refusal.news
            raise

    def _admit(self, needed: Role) -> None:
        g.principal = who = self._who()
        if who.credential is not None:
            self._buckets.take(f"token {who.credential}")
            self._touch(who.credential)
        _require(who, needed)

    def _who(self) -> Principal:
        source = request.remote_addr or "-"
        token = _presented_token()
        known = None if token is None else auth.identify(token, self._tokens, source)
        if known is not None:
            return known
        if self._is_open():  # whatever credentials a client always sends
            return Principal(name=LOOPBACK, role=Role.ADMIN, source=source)
        self._buckets.take(f"address {source}")
        raise NotAuthenticated(_how_to(token))

    def _is_open(self) -> bool:
        """Return whether the request needs no token: none exist, and its sender is ourselves."""
        environ = request.environ
        if peers.forwarded(environ) or not self._peer_is_own(environ):
            return False
        return not self._tokens.any()

    def _touch(self, token_id: int) -> None:
        """Note the last use, once a minute at the most."""
        now = clock.now_us()
        if now - self._touched.get(token_id, 0) >= auth.TOUCH_EVERY_US:
            self._touched[token_id] = now
            with suppress(JobschedError):  # a database that is busy need not know the last use
                self._tokens.touch(token_id, now)

    def _check_body(self, demands: Demands) -> None:
        usual = self._settings.upload_limit if demands.takes_uploads else self._settings.body_limit
        limit = demands.body_limit or usual
        if request.content_length is None:
            bodies.cap(request.environ, limit)
            return
        request.max_content_length = limit
        if request.content_length > limit:
            raise bodies.too_large(limit)


def install(app: Flask, gate: Gate) -> None:
    """Put *gate* before everything in *app*. To be done before any route is added."""
    # A redirect to the tidy address would be an answer in HTML that no client asked for.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.url_map.converters["number"] = NumberConverter
    app.before_request_funcs.setdefault(None, []).insert(0, gate.check)
    app.after_request(gate.finish)


def refuse_open_bind(settings: GateSettings, tokens_exist: bool, way_out: str) -> None:
    """Refuse an address that other machines reach, unless tokens guard it.

    *way_out* is the command that makes a token. Raises: ConfigurationError.
    """
    if tokens_exist or is_loopback(settings.host):
        return
    message = (
        f"{settings.host} can be reached by other machines and there are no tokens: make one "
        f"first with `{way_out}`."
    )
    raise ConfigurationError([Mistake(where="HOST", message=message)])


class NumberConverter(BaseConverter):
    """A positive number in a path: ASCII digits that fit in 64 bits; anything else is a 404."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> Any:
        """Return the number."""
        return int(value)

    def to_url(self, value: Any) -> str:
        """Return the digits."""
        return str(int(value))


def _require(who: Principal, role: Role) -> None:
    if not who.role.allows(role):
        raise NotAllowed(f"This needs the role {role}; {who.name} is {who.role}.")


def _declaring(name: str, value: object) -> Callable[[View], View]:
    def declare(view: View) -> View:
        setattr(view, name, value)
        return view

    return declare


def _demands() -> Demands:
    view = current_app.view_functions.get(request.endpoint or "")
    reading = request.method in READING
    return Demands(
        role=getattr(view, "needed_role", Role.VIEWER if reading or view is None else Role.ADMIN),
        changes_state=getattr(view, "changes_state", not reading),
        body_limit=getattr(view, "body_limit", None),
        takes_uploads=getattr(view, "takes_uploads", False),
        only_from_here=getattr(view, "only_from_here", False),
    )


def _trusted(settings: GateSettings) -> Iterator[str]:
    for name in ("localhost", "127.0.0.1", "::1", settings.host, *settings.trusted_hosts):
        yield name.strip("[]").rstrip(".").lower()


def _presented_token() -> str | None:
    """Return the token that the request carries, None without an Authorization header."""
    if "Authorization" not in request.headers:
        return None
    credentials = request.authorization
    if credentials is None:
        return ""
    if credentials.type == "bearer":
        return credentials.token or ""
    if credentials.type == "basic":
        return credentials.password or ""
    return ""


def _how_to(token: str | None) -> str:
    if token is None:
        return "A token is needed here: Authorization: Bearer TOKEN (or basic, as the password)."
    return "The token is unknown or has expired."


def _audit_row(response: Response) -> AuditRow:
    who: Principal = g.principal
    rule = request.url_rule.rule if request.url_rule else "-"
    return AuditRow(
        at_us=clock.now_us(),
        who=who.name,
        source=who.source,
        what=f"{request.method} {rule}"[:100],
        target=_target(response)[:200],
        status=response.status_code,
        request_id=g.request_id,
    )


def _target(response: Response) -> str:
    """Return the object that was made, else the one that was addressed."""
    made = response.headers.get("Location")
    named: str = g.get("concerned", request.path)
    return urlsplit(made).path if made else named
