"""Deployments over a site of their own, with and without the exchange of two folders at once."""

from pathlib import Path

import pytest

from jobsched.webjobs import swapping
from jobsched.webjobs.deployment import Deployments
from jobsched.webjobs.places import Site
from tests.support.deployments import SCRIPTS


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "root").mkdir()
    return Site(tmp_path / "root")


@pytest.fixture(params=["exchange", "fallback"])
def deployments(
    request: pytest.FixtureRequest, site: Site, monkeypatch: pytest.MonkeyPatch
) -> Deployments:
    if request.param == "fallback":
        monkeypatch.setattr(swapping, "exchange", lambda _one, _other: False)
    return Deployments(site, SCRIPTS)
