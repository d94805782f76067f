"""The native API with nothing in it, for tests of interfaces."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.support.native import Native, native_api


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Native]:
    with native_api(tmp_path) as made:
        yield made


@pytest.fixture
def client(api: Native) -> FlaskClient:
    return api.client()
