"""The listening socket and its address."""

import pytest

from jobsched.errors import ConfigurationError
from jobsched.web import server


def test_a_listening_socket_knows_its_address() -> None:
    with server.listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]

        assert server.url_of(listener) == f"http://127.0.0.1:{port}"


def test_an_address_in_use_is_a_mistake_in_the_configuration() -> None:
    with (
        server.listen("127.0.0.1", 0) as listener,
        pytest.raises(ConfigurationError, match=r"cannot listen .* in use"),
    ):
        server.listen("127.0.0.1", listener.getsockname()[1])


def test_an_unknown_host_is_a_mistake_in_the_configuration() -> None:
    with pytest.raises(ConfigurationError, match="no-such-host"):
        server.listen("no-such-host.invalid", 0)
