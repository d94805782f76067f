"""Where a request comes from by its own account: the host it names, the site that sent it."""

from urllib.parse import urlsplit

from flask import request

from jobsched.errors import NotAllowed


def host_of(header: str) -> str:
    """Return the name in a Host header without its port; empty when it is not one."""
    try:
        parts = urlsplit(f"//{header}")
        parts.port  # noqa: B018 - raises when it is no number
    except ValueError:
        return ""
    if parts.netloc != header or parts.username is not None:
        return ""
    return (parts.hostname or "").rstrip(".")


def check_site() -> None:
    """Refuse what a page of another site makes a browser send. Raises: NotAllowed."""
    site = request.headers.get("Sec-Fetch-Site", "none")
    if site not in {"none", "same-origin"}:
        raise NotAllowed(f"Requests of other sites are refused (Sec-Fetch-Site: {site[:50]}).")
    origin = request.headers.get("Origin")
    if origin is not None and not _is_ours(origin):
        raise NotAllowed(f"Requests of other sites are refused (Origin: {origin[:100]}).")


def _is_ours(origin: str) -> bool:
    scheme, _, place = origin.lower().partition("://")
    default = {"http": ":80", "https": ":443"}.get(scheme)
    if default is None or (request.is_secure and scheme != "https"):
        return False  # over plain HTTP anybody on the way could have made that page
    ours = str(request.environ.get("HTTP_HOST", "")).lower()
    return place.removesuffix(default) == ours.removesuffix(default)
