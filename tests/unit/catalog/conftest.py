"""A catalog to write and to load."""

from pathlib import Path

import pytest

from tests.support.catalogs import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)
