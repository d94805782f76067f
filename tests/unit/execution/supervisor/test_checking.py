"""What a runner is told about how the health of a run is checked."""

import pytest

from jobsched.execution.supervisor.checking import health_order
from jobsched.model import Health

TIMES = {"interval": 30.0, "timeout": 5.0, "failures": 3}


def test_a_run_without_checks_has_no_order() -> None:
    assert health_order(None) is None


def test_a_command_is_passed_on_as_it_is() -> None:
    order = health_order(Health(command=("curl", "-f", "x y"), interval=1.0))

    assert order == {**TIMES, "interval": 1.0, "command": ["curl", "-f", "x y"]}


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "name"),
    [
        ("http://127.0.0.1", "127.0.0.1", 80, "/", "127.0.0.1"),
        ("http://localhost:8080/a/b?c=d", "127.0.0.1", 8080, "/a/b?c=d", "localhost:8080"),
        ("http://[::1]:9/x", "::1", 9, "/x", "[::1]:9"),
        ("http://127.0.0.2/?q", "127.0.0.2", 80, "/?q", "127.0.0.2"),
    ],
)
def test_a_page_is_named_by_the_address_of_its_host(
    url: str, host: str, port: int, path: str, name: str
) -> None:
    order = health_order(Health(url=url))

    assert order == {**TIMES, "host": host, "port": port, "path": path, "name": name}
