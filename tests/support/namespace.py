"""Tests that may signal a wrong process run in a PID namespace of their own, with a canary."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import ROOT

_UNSHARE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]


def require_namespaces() -> None:
    """Skip the test where no PID namespace can be made."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    tried = subprocess.run([*_UNSHARE, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"no PID namespace can be made here: {tried.stderr.strip()}")


def run_alone(module: str, folder: Path, seconds: float = 100) -> str:
    """Run *module* as ``python -m`` in a PID namespace; return what it printed."""
    require_namespaces()
    done = subprocess.run(
        [*_UNSHARE, sys.executable, "-m", module, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
