"""Where web hooks may go, and every known way of writing an address to which they may not."""

import socket
from typing import Any

import pytest

from jobsched.errors import InvalidInput
from jobsched.operations.webhooks import addresses
from jobsched.operations.webhooks.addresses import Forbidden

PRIVATE = [
    "127.0.0.1",
    "127.1",
    "127.9.9.9",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "017700000001",
    "0",
    "0.0.0.0",  # noqa: S104 - called, not listened on
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "2852039166",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:169.254.169.254]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
    "[fe80::1]",
    "[fc00::1]",
    "[fd12:3456::1]",
    "[ff02::1]",
    "localhost",
    "LOCALHOST.",
    "a.localhost",
]
PUBLIC = ["93.184.216.34", "[2606:2800:220:1:248:1893:25c8:1946]", "[::ffff:93.184.216.34]"]


def resolving(monkeypatch: pytest.MonkeyPatch, *places: str) -> list[str]:
    """Let every name resolve to *places*; return the names that were asked for."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        kinds = [socket.AF_INET6 if ":" in place else socket.AF_INET for place in places]
        return [
            (kind, socket.SOCK_STREAM, 6, "", (place, port))
            for kind, place in zip(kinds, places, strict=True)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def refusal(url: str, *allowed: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        addresses.parse(url, allowed)
    [error] = caught.value.errors
    assert error.field == "url"
    return error.rule


@pytest.mark.parametrize("host", PRIVATE)
def test_addresses_of_this_machine_and_its_network_are_refused(host: str) -> None:
    assert refusal(f"https://{host}/") == "not_allowed"
    assert refusal(f"https://user:pw@{host}:8443/x") == "not_allowed"


@pytest.mark.parametrize("host", PUBLIC)
def test_public_addresses_are_taken(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    address = addresses.parse(f"https://{host}/hook", ())
    resolving(monkeypatch, host.strip("[]"))

    [(_, where)] = addresses.places(address, ())

    assert where == (host.strip("[]"), 443)


@pytest.mark.parametrize("place", ["127.0.0.1", "::1", "10.1.2.3", "169.254.169.254", "fe80::1%2"])
def test_a_name_is_judged_by_what_it_resolves_to(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = addresses.parse("https://evil.example/", ())
    resolving(monkeypatch, "93.184.216.34", place)

    with pytest.raises(Forbidden, match="no public address"):
        addresses.places(address, ())


def test_a_host_that_is_allowed_may_be_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    address = addresses.parse("http://Builder.Example:8080/x", ["builder.example"])
    resolving(monkeypatch, "10.0.0.1")

    assert addresses.places(address, ["builder.example"]) == [(socket.AF_INET, ("10.0.0.1", 8080))]


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://127.0.0.1:8080/", "127.0.0.1:8080"),
        ("http://127.0.0.1/", "127.0.0.1:80"),
        ("http://[::1]:8080/", "[::1]:8080"),
        ("http://[::1]:8080/", "::1"),
        ("https://localhost/", "LOCALHOST"),
    ],
)
def test_a_host_is_allowed_with_or_without_its_port(url: str, allowed: str) -> None:
    assert addresses.parse(url, [allowed])


@pytest.mark.parametrize("allowed", ["127.0.0.1:81", "0.1", "127.0.0.10", ""])
def test_another_host_or_port_is_not_meant(allowed: str) -> None:
    assert refusal("http://127.0.0.1/", allowed) == "not_allowed"


def test_without_tls_a_host_must_be_allowed() -> None:
    assert refusal("http://example.com/") == "not_allowed"


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "/x", "ftp://a.example/", "file:///etc/passwd", "https://", "https:///x",
        "https://a.example:0/", "https://a.example:99999/", "https://a.example:x/",
        "https://a b.example/", "https://a.example/\r\nX: 1", "https://\u00e4.example/",
        "https://a.example\\@127.0.0.1/", "https://[::1", "https://[fe80::1%25eth0]/",
        "https://a..example/", "https://u%00:p@a.example/",
        "https://u:%0d%0a@a.example/", "https://-a.example/", "https://a.example/" + "x" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    assert refusal(url) == "invalid"


def test_an_address_has_one_spelling_and_keeps_its_login_apart() -> None:
    address = addresses.parse("HTTPS://us%20er:p%40ss@Example.COM.:443/a?b=c#d", ())

    assert address.url == "https://example.com/a?b=c"
    assert address.login == "us er:p@ss"
    assert addresses.parse("https://example.com:8443", ()).url == "https://example.com:8443/"


@pytest.mark.parametrize(
    "location",
    ["http://example.com/", "https://127.0.0.1/", "https://[::ffff:10.0.0.1]/", "gopher://x/"],
)
def test_a_redirect_is_judged_as_well(location: str) -> None:
    address = addresses.parse("https://example.com/a", ())

    with pytest.raises(Forbidden):
        addresses.redirected(address, location, ())


def test_a_redirect_takes_the_login_to_the_same_server_only() -> None:
    address = addresses.parse("https://u:p@example.com/a", ())

    assert addresses.redirected(address, "/b", ()).login == "u:p"
    assert addresses.redirected(address, "https://other.example/b", ()).login is None
    assert addresses.redirected(address, "https://x:y@other.example/b", ()).login is None
    assert addresses.redirected(address, "https://example.com:8443/b", ()).login is None
